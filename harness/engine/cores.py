"""Which core a match runs on: all its contenders on the same, so that what slows it slows all alike.

Left alone, workers that take turns wake on one core or another, each of which has neighbours of its own, and
their noise is taken for a difference of the frameworks (docs/decisions/0010-shared-cores.md).
"""

from __future__ import annotations

import os
import random
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path


def drawn(count: int, draw: random.Random) -> frozenset[int]:
    """So many of the cores that this process may run on, or all; none where the system does not tell."""
    if not hasattr(os, "sched_getaffinity"):
        return frozenset()
    usable = sorted(os.sched_getaffinity(0))
    return frozenset(draw.sample(usable, min(count, len(usable))))


def keep(pid: int, cores: Collection[int]) -> bool:
    """Keep all threads of a process, and those that they will start, on these cores; whether that was let."""
    try:
        threads = [int(one.name) for one in Path(f"/proc/{pid}/task").iterdir()]
        for thread in threads:
            # One may have ended by now.
            with suppress(ProcessLookupError):
                os.sched_setaffinity(thread, cores)
    except OSError:
        return False
    return True
