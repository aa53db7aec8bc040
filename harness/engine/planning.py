"""What a match will do, by what its workers say of their speed and by what earlier matches have shown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from harness.engine.conditions import Conditions
from harness.engine.known import FEWEST_TURNS, Known
from harness.engine.rounds import Rounds, plan_rounds
from harness.settings.matches import Match
from harness.work.workload import WHOLE_EPOCHS

# Turns of evaluation, and of evaluations that take seconds.
_EVALUATIONS: Final = 5
_LONG_EVALUATIONS: Final = 3
_LONG_S: Final = 1.0

# Where only time ends a match, it never runs out of turns.
_UNTIL_ENOUGH: Final = 10_000


class Planning:
    """The rounds of a match, in one of its parts.

    `said` are the words of the workers that have started, `train_sample_s` and `evaluate_s`, and `all_said`
    whether these are all: the first match of a kind in which they are settles the rounds of all that follow.
    """

    def __init__(
        self,
        match: Match,
        conditions: Conditions,
        said: Sequence[dict[str, float | None]],
        known: Known,
        *,
        all_said: bool,
    ) -> None:
        self._match = match
        self._conditions = conditions
        self._said = said
        self._known = known
        self._pace = known.pace(match, said, all_said=all_said)

    def rounds(self, count: int | None) -> Rounds:
        """So many rounds; without a number those of the case's epochs."""
        match = self._match
        # Where contenders cut an epoch into other batches, no part of one is whole batches to all.
        cases = [one.case for one in match.contenders]
        cut_alike = len({(case.mode in WHOLE_EPOCHS, case.workload.batch_size) for case in cases}) == 1
        return plan_rounds(
            match.case,
            self._pace,
            self._conditions.round_s,
            divisible=cut_alike,
            count=count,
            whole_steps=self._conditions.whole_steps,
        )

    def race(self, *, start_s: float) -> Rounds:
        """As many as the match is worth, whose start has taken `start_s`."""
        if math.isfinite(self._conditions.enough_s):
            return self.rounds(_UNTIL_ENOUGH)
        (parts,) = self.rounds(1).train
        samples = sum(part.last - part.first for part in parts)
        turn_s = samples * sum(one["train_sample_s"] or 0.0 for one in self._said)
        if not turn_s:
            return self.rounds(FEWEST_TURNS)
        return self.rounds(self._known.turns(self._match.kind, start_s=start_s, turn_s=turn_s))

    def samples(self, rounds: Rounds) -> int:
        """How many each contender will train; where time ends the match, as many as the slowest can."""
        first, *others = (sum(part.last - part.first for part in parts) for parts in rounds.train)
        planned = first + sum(others)
        slowest_s = max((one["train_sample_s"] or 0.0 for one in self._said), default=0.0)
        if not (slowest_s and math.isfinite(self._conditions.enough_s)):
            return planned
        # A round is made to its end.
        return max(first, min(planned, int(self._conditions.enough_s / slowest_s)))

    @property
    def evaluations(self) -> int:
        """How many turns of evaluation to take."""
        slowest_s = max((one["evaluate_s"] or 0.0 for one in self._said), default=0.0)
        return _LONG_EVALUATIONS if slowest_s >= _LONG_S else _EVALUATIONS
