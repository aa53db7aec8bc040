"""What a run knows of each kind of its matches, and how many turns the next one is worth.

A replicate costs a start and its turns. Its log-ratio varies as replicates do and, the less the more turns
there are, as turns do. For the least time to a given error it has sqrt(start / turn x variance of turns /
variance between replicates) turns (Kalibera and Jones 2013, section 6). Costs and variances are those of the
run's own matches, as soon as there are enough. What is learned is how much replicates vary, never who is
ahead.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import Final

from harness.analysis.statistics import MIN_REPLICATES
from harness.engine.ratios import Ratios
from harness.engine.rounds import Pace, fastest
from harness.settings.matches import Match
from harness.work.records import Phase, Trial
from harness.work.workload import Case

# The median of fewer gives way to a burst that hits some of them (docs/decisions/0002-the-interval.md).
FEWEST_TURNS: Final = 12
MOST_TURNS: Final = 60

# Of turns as long as whole epochs may be, so many have a median and a spread.
FEWEST_LONG_TURNS: Final = 3
_LONG_S: Final = 2.0

# Until there are replicates enough: seconds of turns whose variance is held to be that between replicates.
# Few turns follow, because a verdict needs six replicates first (decision 0009).
_EVEN_S: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a match took: its turns, and all beside them."""

    turns: int
    turns_s: float
    rest_s: float

    @property
    def turn_s(self) -> float:
        return self.turns_s / self.turns


# Two seats of a match: the speed of the first is told over that of the second.
Seats = tuple[int, int]
_FIRST: Final[Seats] = (0, 1)


@dataclass(slots=True)
class _Spread:
    """What the replicates of one kind of match say of two seats."""

    log_ratios: list[float] = field(default_factory=list)
    turn_errors: list[float] = field(default_factory=list)
    turn_variances: list[float] = field(default_factory=list)


@dataclass(slots=True)
class _Kind:
    """What is known of the replicates of one kind of match."""

    costs: list[Cost] = field(default_factory=list)
    spreads: dict[Seats, _Spread] = field(default_factory=lambda: defaultdict(_Spread))


def training_s(case: Case, trials: Sequence[Trial]) -> float | None:
    """Seconds of a whole training by the slowest of these; None where none said how fast it is."""
    work = case.workload
    paces = [trial.pace for trial in trials if trial.pace is not None]
    epochs_s = [
        sample_s * work.train_samples + (pace["evaluate_s"] or 0.0)
        for pace in paces
        if (sample_s := pace["train_sample_s"]) is not None
    ]
    return work.epochs * max(epochs_s) if epochs_s else None


class Known:
    """What a run knows of its matches by kind, whose paces decide the rounds, the same for all replicates."""

    def __init__(self) -> None:
        self._paces: dict[str, Pace] = {}
        self._kinds: dict[str, _Kind] = defaultdict(_Kind)

    def pace(self, match: Match, said: Sequence[Mapping[str, float | None]], *, all_said: bool) -> Pace:
        """The pace that cuts a match's rounds: its kind's, settled by the first in which all have spoken.

        `said` are the words of the workers that have started, `train_sample_s` and `evaluate_s`.
        """
        if match.kind in self._paces:
            return self._paces[match.kind]
        pace = fastest(match.case, said)
        if all_said:
            self._paces[match.kind] = pace
        return pace

    def recall(self, match: Match, trials: Sequence[Trial]) -> None:
        """Settle the kind's pace by what the workers of an earlier match said, as it did then."""
        for _, part in groupby(trials, key=attrgetter("part")):
            paces = [trial.pace for trial in part]
            said = [one for one in paces if one is not None]
            self.pace(match, said, all_said=len(said) == len(paces))

    def look(
        self, kind: str, trials: Sequence[Trial], took_s: float, asked: Iterable[Seats] = (_FIRST,)
    ) -> None:
        """See what a match took, and said of the seats asked for.

        One that memory split tells nothing, nor do two seats of which one failed.
        """
        measured = Ratios(trials)
        for seats in asked if measured.parts == 1 else ():
            log_ratio = measured.log_ratio(*seats)
            if log_ratio is not None:
                self.record(kind, _cost(trials, took_s), log_ratio, measured.turn_error(*seats), seats)

    def record(
        self, kind: str, cost: Cost, log_ratio: float, turn_error: float | None, seats: Seats = _FIRST
    ) -> None:
        """Tell what a match took and said of two seats.

        `turn_error` is the part of the log-ratio's noise that single turns made; None where they were too few
        to tell.
        """
        self._kinds[kind].costs.append(cost)
        of = self._kinds[kind].spreads[seats]
        of.log_ratios.append(log_ratio)
        if turn_error is not None:
            of.turn_errors.append(turn_error)
            of.turn_variances.append(cost.turns * turn_error**2)

    def turns(self, kind: str, *, start_s: float, turn_s: float) -> int:
        """How many the next match of a kind is worth, where its start took and its turns may take so long."""
        of = self._kinds[kind]
        variance_ratio = _EVEN_S / turn_s
        told = [one for one in of.spreads.values() if len(one.turn_variances) >= MIN_REPLICATES]
        if told:
            start_s = statistics.median(one.rest_s for one in of.costs)
            turn_s = statistics.median(one.turn_s for one in of.costs)
            variance_ratio = _variance_ratio(told)
        fewest = FEWEST_LONG_TURNS if turn_s >= _LONG_S else FEWEST_TURNS
        worth = math.sqrt(start_s / turn_s * variance_ratio)
        return math.ceil(min(max(worth, fewest), MOST_TURNS))


def _cost(trials: Sequence[Trial], took_s: float) -> Cost:
    """What a match took, of which its turns stand one after the other from the first to the last."""
    rounds = [one for trial in trials for one in trial.rounds if one.phase is Phase.TRAIN]
    ended_s = max(one.started_s + one.wall_s for one in rounds)
    turns_s = ended_s - min(one.started_s for one in rounds)
    turns = max(sum(one.phase is Phase.TRAIN for one in trial.rounds) for trial in trials)
    return Cost(turns=turns, turns_s=turns_s, rest_s=took_s - turns_s)


def _variance_ratio(told: Sequence[_Spread]) -> float:
    """The variance of a turn over that between replicates, of all seats that told of each other together."""
    between = sum(map(_between, told))
    return sum(statistics.mean(of.turn_variances) for of in told) / between if between > 0 else math.inf


def _between(of: _Spread) -> float:
    """The variance between replicates.

    The turns' own part is taken out of how replicates vary. What is left of few replicates may be next to
    nothing by chance, so it counts as half of the whole at least (decision 0009 has what less costs). Where
    only turns vary, they become more until they take twice as long as all beside them.
    """
    whole = statistics.variance(of.log_ratios)
    return max(whole - statistics.mean(error**2 for error in of.turn_errors), whole / 2)
