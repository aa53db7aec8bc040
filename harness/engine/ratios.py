"""What a match has shown, as soon as it has: the ratio of any two of its contenders."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final

import numpy as np

from harness.analysis.intervals import FloatArray
from harness.analysis.match import BoolArray, turn_error, typical_effects
from harness.work.records import Phase, Round, Trial

# Fewer do not take turns.
_FEWEST: Final = 2


class Ratios:
    """Log-ratios of a match's contenders, told by their seats.

    In one part of a match they close, being differences of `analysis.match.typical_effects`: of A over B and
    of B over C the sum is that of A over C.
    """

    def __init__(self, trials: Sequence[Trial]) -> None:
        """`trials` are those of one match, by part (see `engine.playing.run_match`)."""
        self._parts = [
            {trial.seat: trial for trial in part} for _, part in groupby(trials, key=attrgetter("part"))
        ]
        self._log_speeds = {phase: [_log_speeds(part, phase) for part in self._parts] for phase in Phase}

    @property
    def parts(self) -> int:
        return len(self._parts)

    def trials(self, of: int, over: int) -> tuple[Trial, Trial]:
        """The trials of two seats: of the first part that both sat in, else each of its own."""
        both = next((part for part in self._parts if of in part and over in part), None)
        if both is not None:
            return both[of], both[over]
        each = {seat: trial for part in self._parts for seat, trial in part.items()}
        return each[of], each[over]

    def log_ratio(self, of: int, over: int, phase: Phase = Phase.TRAIN) -> float | None:
        """The log of one's speed over another's; None when one did not finish or was not timed in the phase.

        Of two that sat in different parts, each one's speed is taken over that of the first contender, who
        sat in both.
        """
        one, other = self.trials(of, over)
        of_one, of_other = (self._log_speeds[phase][trial.part] for trial in (one, other))
        log_ratio = of_one[of] - of_other[over]
        if one.part != other.part:
            log_ratio -= of_one[0] - of_other[0]
        return float(log_ratio) if np.isfinite(log_ratio) else None

    def turns(self, of: int, over: int) -> int:
        """Training turns that both took and that count; 0 when they sat in different parts."""
        return int((~_turns(self._shared(of, over), Phase.TRAIN)[1]).all(axis=1).sum())

    def turn_error(self, of: int, over: int) -> float | None:
        """The part of the noise of a log-ratio in training that single turns made (`match.turn_error`).

        None when one did not finish, when they sat in different parts, or with fewer than three turns.
        """
        sample_s, left_out = _turns(self._shared(of, over), Phase.TRAIN)
        error = turn_error(sample_s, left_out) if len(sample_s) else np.nan
        return float(error) if np.isfinite(error) else None

    def _shared(self, of: int, over: int) -> Sequence[Trial]:
        one, other = self.trials(of, over)
        return (one, other) if one.part == other.part else ()


def _log_speeds(part: dict[int, Trial], phase: Phase) -> dict[int, float]:
    """By seat, about a mean of 0: warm-up left out, NaN for who did not finish or was not timed."""
    sample_s, left_out = _turns(list(part.values()), phase)
    if not sample_s.size or len(part) < _FEWEST:
        return dict.fromkeys(part, np.nan)
    return dict(zip(part, typical_effects(sample_s, left_out).tolist(), strict=True))


def _turns(trials: Sequence[Trial], phase: Phase) -> tuple[FloatArray, BoolArray]:
    """(turns, trials) seconds a sample, and where a round does not count: in warm-up, or never made."""
    timed = [[] if trial.failure else _timed(trial, phase) for trial in trials]
    sample_s: FloatArray = np.full((max(map(len, timed), default=0), len(timed)), np.nan)
    left_out = np.ones(sample_s.shape, np.bool_)
    for column, rounds in enumerate(timed):
        sample_s[: len(rounds), column] = [one.sample_s for one in rounds]
        left_out[: len(rounds), column] = [one.warm_up for one in rounds]
    return sample_s, left_out


def _timed(trial: Trial, phase: Phase) -> list[Round]:
    return [one for one in trial.rounds if one.phase is phase]
