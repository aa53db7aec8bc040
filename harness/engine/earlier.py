"""What an unfinished run has measured already: its plan is gone through again, and nothing measured twice.

All that a run decides follows from its settings and from what its matches said. So nothing of what it had
decided is stored: it is decided again, in the same order, by the same code.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from harness.settings.grid import Match
from harness.work.records import Trial


class Earlier(Protocol):
    """What earlier sittings of a run have left; `spent_s` are the seconds that they measured for."""

    @property
    def spent_s(self) -> float: ...

    def trials(self, match: Match) -> tuple[Trial, ...]:
        """A match's trials, by part and seat; none where it has not been measured to its end."""


class Nothing:
    """A run that begins."""

    spent_s = 0.0

    def trials(self, match: Match) -> tuple[Trial, ...]:  # noqa: ARG002  (the contract's)
        return ()


def lasted_s(trials: Sequence[Trial]) -> float:
    """Seconds from the first worker's start to the last one's end."""
    ended = max(trial.started_at + timedelta(seconds=trial.wall_s) for trial in trials)
    return (ended - min(trial.started_at for trial in trials)).total_seconds()
