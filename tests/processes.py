"""Other processes as a test sees them: each may end at any moment."""

from __future__ import annotations

from contextlib import suppress

import psutil


def command(process: psutil.Process) -> list[str]:
    """Its words; none of one that has ended by now, also where nobody has waited for it."""
    with suppress(psutil.Error):
        return process.cmdline()
    return []
