"""The machine: processor, memory, load, and the memory that this process has used."""

from __future__ import annotations

import math
import os
import platform
import resource
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import psutil

from harness.measure import cgroup

# So many ticks of the system's clock, by which threads are counted.
_TOLD_APART_S: Final = 0.2

_STATUS: Final = Path("/proc/self/status")
_CPUINFO: Final = Path("/proc/cpuinfo")
_STAT: Final = Path("/proc/stat")

# The name of the system's own numbering of processes, the same on every Linux (PROC_PID_INIT_INO).
_PROCESS_NUMBERS: Final = Path("/proc/self/ns/pid")
_SYSTEMS_NUMBERS: Final = "pid:[4026531836]"

# The columns of _STAT, as proc_stat(5) has them; older kernels have fewer.
_TIMES: Final = (
    "user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guest_nice",
)  # fmt: skip

# At work; guests are counted as user time too, and cores that wait for a disk are not at work.
BUSY: Final = ("user", "nice", "system", "irq", "softirq")


def _affinity() -> frozenset[int]:
    return frozenset(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else frozenset()


# As the process was started: a framework may bind single threads later, the one that asks among them.
OWN_CORES: Final = _affinity()


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


def available_bytes() -> int:
    """Memory that can be had without swapping, as the system has it; no more than this process may use."""
    available: int = psutil.virtual_memory().available
    return min(available, memory_bytes())


def resident_bytes(pid: int) -> int | None:
    """Memory that a process and those below it hold now; None where it has gone."""
    try:
        process = psutil.Process(pid)
        return sum(one.memory_info().rss for one in (process, *process.children(recursive=True)))
    except psutil.Error:
        return None


def load_1min() -> float | None:
    """Runnable processes, averaged over the last minute; None where the system does not say."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def processor_times(stat: Path = _STAT, own_cores: frozenset[int] = OWN_CORES) -> Mapping[str, float] | None:
    """Seconds since the start of the system by what this process's cores did; None where nothing counts.

    Cores that it may not run on belong to others, however busy they are. Where the system does not tell
    single cores apart it is all of them. A sandbox may show counters that all stand at zero, as some
    versions of gVisor do.
    """
    times = _times_of(own_cores, stat) or psutil.cpu_times()._asdict()
    return times if any(times.values()) else None


def _times_of(cores: frozenset[int], stat: Path) -> dict[str, float]:
    """Sums over the cores that the system lists; those that are switched off are not among them."""
    if not stat.is_file():
        return {}
    tick_s = 1 / os.sysconf("SC_CLK_TCK")
    wanted = {f"cpu{core}" for core in cores}
    lines = [line.split() for line in stat.read_text(encoding="ascii", errors="replace").splitlines()]
    listed = [[int(ticks) for ticks in words[1:]] for words in lines if words and words[0] in wanted]
    sums = [tick_s * sum(column) for column in zip(*listed, strict=False)]
    return dict(zip(_TIMES, sums, strict=False))


def passed(
    before: Mapping[str, float] | None, now: Mapping[str, float] | None, names: tuple[str, ...]
) -> float | None:
    """Seconds that these of `processor_times` have gone up by together; None where there are none of them."""
    if before is None or now is None:
        return None
    there = [name for name in names if name in before and name in now]
    return float(sum(now[name] - before[name] for name in there)) if there else None


def busy_share(window_s: float = 0.5) -> float | None:
    """Share of this process's cores' time, 0 to 1, that anyone used during `window_s` from now."""
    before = processor_times()
    time.sleep(window_s)
    now = processor_times()
    busy_s = passed(before, now, BUSY)
    all_s = passed(before, now, (*BUSY, "idle", "iowait", "steal"))
    return busy_s / all_s if busy_s is not None and all_s else None


def counts_own_processes(numbers: Path = _PROCESS_NUMBERS) -> bool:
    """Whether processes have other numbers here than on the system, as in a container; True if unknown."""
    try:
        return str(numbers.readlink()) != _SYSTEMS_NUMBERS
    except OSError:
        return True


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


def cpu_s_of(pid: int) -> float:
    """Processor time of another process so far, all threads together.

    Raises:
        OSError: there is no such process.
    """
    if psutil.LINUX:
        # The clock of a process, as the kernel numbers them (clock_getcpuclockid(3)); it tells nanoseconds.
        return time.clock_gettime(~pid << 3 | 2)
    try:
        used = psutil.Process(pid).cpu_times()
    except psutil.Error as error:
        raise OSError(str(error)) from error
    return float(used.user + used.system)


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
