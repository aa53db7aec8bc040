"""Other processes as a test sees them: each may end at any moment, and is waited for."""

from __future__ import annotations

import subprocess
import time
from contextlib import suppress

import psutil


def command(process: psutil.Process) -> list[str]:
    """Its words; none of one that has ended by now, also where nobody has waited for it."""
    with suppress(psutil.Error):
        return process.cmdline()
    return []


def until(is_so, within_s):
    """Wait for a server to come up, say."""
    by_s = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < by_s, f"not within {within_s} s"
        time.sleep(0.2)


def ended(process):
    """Ask a process to end, and end it where it does not."""
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
