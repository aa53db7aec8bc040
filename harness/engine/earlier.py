"""What an unfinished run has measured already: its plan is gone through again, and nothing measured twice.

All that a run decides follows from its settings and from what its matches said. So nothing of what it had
decided is stored: it is decided again, in the same order, by the same code.
"""

from __future__ import annotations

from typing import Protocol

from harness.settings.matches import Match
from harness.work.records import Trial
from harness.work.tally import Tally


class Earlier(Protocol):
    """What earlier sittings of a run have left; `spent_s` are the seconds that they measured for."""

    @property
    def spent_s(self) -> float: ...

    def tally(self) -> Tally:
        """All that is on disk, also of a match that was cut short."""

    def took_s(self, match: Match) -> float:
        """What a match took; 0 where it has not been measured to its end."""

    def trials(self, match: Match) -> tuple[Trial, ...]:
        """A match's trials, by part and seat; none where it has not been measured to its end."""


class Nothing:
    """A run that begins."""

    spent_s = 0.0

    def tally(self) -> Tally:
        return Tally()

    def took_s(self, match: Match) -> float:  # noqa: ARG002  (the contract's)
        return 0.0

    def trials(self, match: Match) -> tuple[Trial, ...]:  # noqa: ARG002  (the contract's)
        return ()
