"""How many trials a run has, and how much of their time tells a speed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from harness.work.records import Role, Trial


class Counted(NamedTuple):
    """Trials, and the seconds of their rounds that tell a speed."""

    ok: int
    failed: int
    timed_s: float


@dataclass(slots=True)
class Tally:
    """What a run has on disk, match by match: one that is measured again counts as it is there now."""

    matches: dict[str, Counted] = field(default_factory=dict)

    def count(self, trials: Sequence[Trial]) -> None:
        """Count the trials of a match."""
        ok = sum(one.failure is None for one in trials)
        timed_s = sum(turn.wall_s for one in trials if one.role is not Role.LEARNING for turn in one.rounds)
        self.matches[trials[0].match_id] = Counted(ok, len(trials) - ok, timed_s)

    def total(self) -> Counted:
        found = self.matches.values()
        return Counted(
            sum(one.ok for one in found), sum(one.failed for one in found), sum(one.timed_s for one in found)
        )
