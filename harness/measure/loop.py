"""The only timed loop: every second that a verdict rests on is taken here."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """`started_s` is on the machine's monotonic clock; `cpu_s` is this process's, all threads together."""

    started_s: float
    wall_s: float
    cpu_s: float


def timed(work: Callable[[], object], synchronise: Callable[[], None]) -> Timing:
    """Run `work` once; the clock starts on an idle device and stops when the device has finished."""
    synchronise()
    cpu_before_s = time.process_time()
    started_s = time.perf_counter()
    work()
    synchronise()
    wall_s = time.perf_counter() - started_s
    return Timing(started_s=started_s, wall_s=wall_s, cpu_s=time.process_time() - cpu_before_s)
