"""How measuring ends: used up, interrupted or with no room to store more; what there is by then is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.errors import NotStored
from harness.work.records import Role, Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run ended, in the words of the `runs` table: `status` is finished, interrupted or failed.

    `timed_s` are the seconds of all rounds that tell a speed.
    """

    status: str
    trials_ok: int
    trials_failed: int
    timed_s: float
    stopped_because: str


@dataclass(slots=True)
class Tally:
    """Trials so far, and the seconds of the rounds that tell a speed."""

    ok: int = 0
    failed: int = 0
    timed_s: float = 0.0

    def count(self, trial: Trial) -> None:
        self.ok += trial.failure is None
        self.failed += trial.failure is not None
        if trial.role is not Role.LEARNING:
            self.timed_s += sum(one.wall_s for one in trial.rounds)


def ended(work: Callable[[], None], because: Callable[[], str], tally: Tally) -> Outcome:
    """Do the work, and say how that ended: by itself, interrupted at any moment, or for want of room.

    `tally` is kept while the work goes on.
    """
    status, stopped_because = "finished", None
    try:
        work()
    except KeyboardInterrupt:
        status, stopped_because = "interrupted", "it was interrupted"
    except NotStored as error:
        status, stopped_because = "failed", str(error)
    return Outcome(
        status=status,
        trials_ok=tally.ok,
        trials_failed=tally.failed,
        timed_s=tally.timed_s,
        stopped_because=stopped_because or because(),
    )
