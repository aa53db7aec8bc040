"""What a job of SLURM does: begin an attempt at a shard, and hand on that it has to end."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType
from typing import Final

from submitit.core.job_environment import JobEnvironment
from submitit.helpers import Checkpointable, DelayedSubmission

from harness.launchers.notes import TIME_SIGNAL

# SLURM gives notice up to a minute early; and then it takes a moment to ask it.
_EARLY_S: Final = 90

_ASK_S: Final = 30

_NOTICE: Final = signal.Signals[f"SIG{JobEnvironment.USR_SIG}"]

# [days-][[hours:]minutes:]seconds, as squeue has it.
_LEFT: Final = re.compile(r"(?:(?:(\d+)-)?(?:(\d+):)?(\d+):)?(\d+)")


class ShardJob(Checkpointable):  # type: ignore[misc]
    """Called in a job; told of the end before it comes, it ends the attempt in order.

    After a preemption the job is queued again. One that ran out of its time is not: whether the shard is
    begun once more is for whoever sent it to say.
    """

    def __init__(self, notice_s: int) -> None:
        self._notice_s = notice_s

    def __call__(self, command: Sequence[str]) -> int:
        # SLURM gives notice to every process of a job. It is for this one, which hands it on; a signal that
        # is ignored as a process begins stays so in all that it begins.
        notice = signal.signal(_NOTICE, signal.SIG_IGN)
        process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
        signal.signal(_NOTICE, notice)
        _Attempt.pid = process.pid
        signal.signal(signal.SIGTERM, _Attempt.end)
        return process.wait()

    def checkpoint(self, command: Sequence[str]) -> DelayedSubmission | None:
        """What is to be queued again, once the attempt has ended."""
        left_s = _left_s()
        is_out_of_time = left_s is not None and left_s <= self._notice_s + _EARLY_S
        _Attempt.end(TIME_SIGNAL if is_out_of_time else signal.SIGTERM)
        _Attempt.wait()
        return None if is_out_of_time else DelayedSubmission(ShardJob(self._notice_s), command)


class _Attempt:
    """The one process of this job; what is pickled cannot hold it."""

    pid: int | None = None

    @classmethod
    def end(cls, number: int = signal.SIGTERM, _frame: FrameType | None = None) -> None:
        if cls.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(cls.pid, number)

    @classmethod
    def wait(cls) -> None:
        """Wait for its end without reaping it: that is for whom a signal's handler interrupted."""
        if cls.pid is not None:
            with suppress(ChildProcessError):
                os.waitid(os.P_PID, cls.pid, os.WEXITED | os.WNOWAIT)


def _left_s() -> float | None:
    """Seconds that SLURM leaves this job; None where there is no limit, or no answer."""
    try:
        said = subprocess.run(
            ["squeue", "--noheader", "--jobs", os.environ["SLURM_JOB_ID"], "--format", "%L"],
            capture_output=True,
            text=True,
            timeout=_ASK_S,
            check=True,
        ).stdout
    except (OSError, KeyError, subprocess.SubprocessError):
        return None
    return in_seconds(said.strip())


def in_seconds(text: str) -> float | None:
    """A time as SLURM writes it; None where that is none, such as UNLIMITED."""
    found = _LEFT.fullmatch(text)
    if found is None:
        return None
    days, hours, minutes, seconds = (int(one or 0) for one in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
