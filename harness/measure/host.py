"""The machine: processor, memory, load, and the memory that this process has used."""

from __future__ import annotations

import math
import os
import platform
import resource
import sys
from pathlib import Path
from typing import Final

import psutil

_STATUS: Final = Path("/proc/self/status")
_CPUINFO: Final = Path("/proc/cpuinfo")
_CGROUP_QUOTA: Final = Path("/sys/fs/cgroup/cpu.max")


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
    quota = _cgroup_cores()
    return cores if quota is None else max(1, min(cores, math.floor(quota)))


def _cgroup_cores() -> float | None:
    try:
        quota_us, period_us = _CGROUP_QUOTA.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return None
    return None if quota_us == "max" else int(quota_us) / int(period_us)


def load_1min() -> float | None:
    """Runnable processes, averaged over the last minute; None where the system does not say."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def busy_share(window_s: float = 0.5) -> float:
    """Share of all cores' time, 0 to 1, that anyone used during `window_s` from now."""
    return psutil.cpu_percent(interval=window_s) / 100


def peak_bytes() -> int | None:
    """Largest resident set that this process has had.

    Linux keeps `ru_maxrss` across exec, so a worker would report its parent's; VmHWM belongs to the
    program that runs now.
    """
    if _STATUS.is_file():
        for line in _STATUS.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
