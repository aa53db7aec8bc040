"""The process that ends what this one has begun, should this one be gone (`worker.guardian`)."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Final

import harness.worker

_GUARDIAN: Final = Path(harness.worker.__file__).with_name("guardian.py").absolute()


class Guardian:
    """Begun with the first process that it is told of; where there is none, workers end with their pipes."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._told: int | None = None
        self._of: int | None = None

    def begun(self, pid: int) -> None:
        """The leader of a group of processes that is not to outlive this one."""
        self._tell(f"+{pid}\n")

    def ended(self, pid: int) -> None:
        self._tell(f"-{pid}\n")

    def _tell(self, line: str) -> None:
        with self._lock, suppress(OSError):
            # After a fork it is the other process's.
            if self._told is None or self._of != os.getpid():
                self._told = _start()
                self._of = os.getpid()
            try:
                os.write(self._told, line.encode("ascii"))
            except BrokenPipeError:
                # It was killed; the next process that is begun has another.
                os.close(self._told)
                self._told = None


def _start() -> int:
    """Where to write to a guardian, which is in a session of its own that Ctrl-C does not reach."""
    theirs, ours = os.pipe()
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_GUARDIAN), str(theirs)],
            pass_fds=(theirs,),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
    # It outlives this process, which is what it is for, and what `Popen` would warn of.
    process.returncode = 0
    return ours


GUARDIAN: Final = Guardian()
