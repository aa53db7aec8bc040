"""What is to be done about a shard that was sent: left alone, sent again, or given up. Facts in, a step out.

That a shard has finished, its results say, whatever its engine does. That one is lost, one of three says: the
engine; a note that tells how its attempt ended; or that no note has moved for too long.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from harness.launchers.notes import OUT_OF_TIME, Found
from harness.launchers.record import Seen, Standing

# Exit statuses of `run-shard` after which it would end likewise again: a refusal, and a failed certificate.
_FINAL: Final = frozenset({2, 3})


class Step(StrEnum):
    LEAVE = "leave"
    FINISHED = "finished"
    AGAIN = "again"
    GIVE_UP = "give up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A step, why, and what follows: `counts` where it is one of the tries that a shard has.

    `lost` is the host that has gone, and is not to be asked again.
    """

    step: Step
    why: str = ""
    counts: bool = True
    lost: str | None = None


_LEAVE: Final = Decision(step=Step.LEAVE)


def decide(
    *, seen: Seen | None, attempt: Found | None, is_finished: bool, quiet_s: float, silent_s: float
) -> Decision:
    """What is to be done.

    Args:
        seen: what the engine says; None where it cannot tell now.
        attempt: the latest attempt of this sending, if there is one.
        is_finished: whether the results say so.
        quiet_s: for how long the attempt, or the engine before there is one, has shown no sign of life.
        silent_s: how long that may be.
    """
    standing = None if seen is None else seen.standing
    has_ended = attempt is not None and attempt.note.ended_at is not None
    is_silent = quiet_s > silent_s
    if is_finished:
        # Its page is being drawn until the attempt ends.
        over = has_ended or is_silent or standing not in {None, Standing.RUNNING}
        return Decision(step=Step.FINISHED) if over else _LEAVE
    if standing is Standing.WAITING:
        return _LEAVE
    if seen is None or standing is Standing.RUNNING:
        if not is_silent:
            return _LEAVE
        host = (attempt.note.host if attempt else None) or (seen.host if seen else None)
        return Decision(
            step=Step.AGAIN, why=f"no sign of life of {host or 'it'} for {quiet_s:.0f} s", lost=host
        )
    return _after(seen, attempt)


def _after(seen: Seen, attempt: Found | None) -> Decision:
    """What is to be done about one that its engine does not have any more."""
    host = attempt.note.host if attempt else seen.host
    by_engine = {
        Standing.WITHDRAWN: Decision(step=Step.GIVE_UP, why="it was taken out of the queue"),
        Standing.HOST_LOST: Decision(step=Step.AGAIN, why=f"its host {host} was lost", lost=host),
        Standing.PREEMPTED: Decision(step=Step.AGAIN, why="it was preempted", counts=False),
        Standing.OUT_OF_TIME: Decision(step=Step.AGAIN, why="its time was over"),
    }
    if seen.standing in by_engine:
        return by_engine[seen.standing]
    if attempt is None:
        why = f": {seen.why}" if seen.why else ""
        return Decision(step=Step.AGAIN, why=f"it ended without having begun{why}")
    return _by_its_note(attempt)


def _by_its_note(attempt: Found) -> Decision:
    """What is to be done about an attempt of which nobody else says why it is over."""
    note, said = attempt.note, attempt.last_line
    if note.ended_by == OUT_OF_TIME:
        return Decision(step=Step.AGAIN, why="its time was over")
    if note.ended_by is not None:
        return Decision(step=Step.AGAIN, why="it was asked to end", counts=False)
    if note.status is None:
        return Decision(step=Step.AGAIN, why=f"it was killed on {note.host}")
    ended = f"signal {-note.status}" if note.status < 0 else f"exit status {note.status}"
    if note.status in _FINAL:
        return Decision(step=Step.GIVE_UP, why=said or ended)
    return Decision(step=Step.AGAIN, why=f"{ended} on {note.host}: {said}")
