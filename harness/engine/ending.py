"""How measuring ends: used up, interrupted or with no room to store more; what there is by then is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.errors import NotStored
from harness.work.records import RunStatus
from harness.work.tally import Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run ended, in the words of the `runs` table.

    `timed_s` are the seconds of all rounds that tell a speed.
    """

    status: RunStatus
    trials_ok: int
    trials_failed: int
    timed_s: float
    stopped_because: str

    @property
    def failed(self) -> bool:
        """Whether what was measured could not be stored, or there is nothing."""
        return self.status is RunStatus.FAILED or self.trials_ok == 0


def ended(work: Callable[[], None], because: Callable[[], str], tally: Tally) -> Outcome:
    """Do the work, and say how that ended: by itself, interrupted at any moment, or for want of room.

    `tally` is kept while the work goes on.
    """
    status, stopped_because = RunStatus.FINISHED, None
    try:
        work()
    except KeyboardInterrupt:
        status, stopped_because = RunStatus.INTERRUPTED, "it was interrupted"
    except NotStored as error:
        status, stopped_because = RunStatus.FAILED, str(error)
    counted = tally.total()
    return Outcome(
        status=status,
        trials_ok=counted.ok,
        trials_failed=counted.failed,
        timed_s=counted.timed_s,
        stopped_because=stopped_because or because(),
    )
