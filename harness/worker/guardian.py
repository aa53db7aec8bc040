"""Ends what a harness has begun once the harness is gone, however it went: `guardian.py DESCRIPTOR`.

A worker in the middle of a step does not look at its pipe, and a framework's import takes seconds. So the
harness tells this process of every group of processes that it begins (`+PID`) and that has ended (`-PID`), a
line each; when the pipe is closed, what is left is killed. It imports nothing of the package, and sleeps.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path


def main(descriptor: int) -> None:
    """Follow what is begun and ended until the pipe is closed."""
    begun: dict[int, str | None] = {}
    with os.fdopen(descriptor, encoding="ascii") as told:
        for line in told:
            pid = int(line[1:])
            if line[0] == "+":
                begun[pid] = _born(pid)
            else:
                begun.pop(pid, None)
    for pid, born in begun.items():
        # As long as its group lives nobody else is given its number; after that somebody may be.
        if _born(pid) in {born, None}:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)


def _born(pid: int) -> str | None:
    """When a process began, as Linux tells; None where it has ended, or nobody tells."""
    try:
        said = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # Its name, in brackets, may hold anything.
    return said.rpartition(")")[2].split()[19]


if __name__ == "__main__":
    main(int(sys.argv[1]))
