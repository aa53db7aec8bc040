"""The machine: processor, memory, load, and the memory that this process has used."""

from __future__ import annotations

import math
import os
import platform
import resource
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import psutil

from harness.measure import cgroup

# So many ticks of the system's clock, by which threads are counted.
_TOLD_APART_S: Final = 0.2

_STATUS: Final = Path("/proc/self/status")
_CPUINFO: Final = Path("/proc/cpuinfo")


def cpu_model() -> str | None:
    """The processor's name as the system gives it; None where it gives none."""
    if _CPUINFO.is_file():
        for line in _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or None


def usable_cores() -> int:
    """Cores this process may run on: its affinity, and the container's quota rounded down, at least 1."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cgroup.cores()
    return cores if quota is None else max(1, min(cores, math.floor(quota)))


def memory_bytes() -> int:
    """Memory this process may use: the machine's, or its container's limit where that is smaller."""
    total: int = psutil.virtual_memory().total
    limit = cgroup.memory_bytes()
    return total if limit is None else min(total, limit)


def load_1min() -> float | None:
    """Runnable processes, averaged over the last minute; None where the system does not say."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def busy_share(window_s: float = 0.5) -> float:
    """Share of all cores' time, 0 to 1, that anyone used during `window_s` from now."""
    return psutil.cpu_percent(interval=window_s) / 100


def cpu_s_by_thread() -> dict[int, float]:
    """Processor time that each thread of this process has used so far, by the thread's number."""
    return {one.id: one.user_time + one.system_time for one in psutil.Process().threads()}


def threads_worked(since: Mapping[int, float]) -> int | None:
    """How many threads have worked since `cpu_s_by_thread` was asked; None where none has for long enough.

    One that did less than a twentieth of what the busiest did has not: it waited, or counted.
    """
    used_s = [now_s - since.get(number, 0.0) for number, now_s in cpu_s_by_thread().items()]
    busiest_s = max(used_s, default=0.0)
    return sum(one_s >= busiest_s / 20 for one_s in used_s) if busiest_s >= _TOLD_APART_S else None


def peak_bytes() -> int | None:
    """Largest resident set that this process has had.

    Linux keeps `ru_maxrss` across exec, so a worker would report its parent's; VmHWM belongs to the
    program that runs now.
    """
    if _STATUS.is_file():
        # The first line is the process's name, in whatever bytes it likes.
        for line in _STATUS.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
