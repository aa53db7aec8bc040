"""Which cores a match runs on: all its contenders on the same, so that a slow one slows all alike.

Left alone, each of two workers that take turns stays on a core of its own for as long as the match lasts, and
a neighbour of either core is taken for a difference of the frameworks (docs/decisions/0010-shared-cores.md).
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
        for thread in Path(f"/proc/{pid}/task").iterdir():
            # One may have ended by now.
            with suppress(ProcessLookupError):
                os.sched_setaffinity(int(thread.name), cores)
    except OSError:
        return False
    return True
