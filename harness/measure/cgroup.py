"""What a control group leaves this process of the machine: the limits of a container or a service.

Both of Linux's layouts are read: version 2 (`cpu.max`, `memory.max`) and version 1 (`cpu.cfs_quota_us`,
`memory.limit_in_bytes`). A limit of any group above the process's own holds too, so the smallest counts.
Other systems have no such files, and no limit.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

_OWN_GROUPS: Final = Path("/proc/self/cgroup")
_MOUNTED: Final = Path("/sys/fs/cgroup")

# Version 2 has one tree for all controllers; /proc names it by an empty one.
_VERSION_2: Final = ""


def cores(own_groups: Path = _OWN_GROUPS, mounted: Path = _MOUNTED) -> float | None:
    """Processor time a second of wall time, in cores; None without a limit."""
    quotas = [
        *(_words(group / "cpu.max") for group in _groups(_VERSION_2, own_groups, mounted)),
        *(
            _words(group / "cpu.cfs_quota_us") + _words(group / "cpu.cfs_period_us")
            for group in _groups("cpu", own_groups, mounted)
        ),
    ]
    limited = [quota for quota in quotas if quota and quota[0].isdigit()]  # "max" and -1 are no limit
    return min((int(quota_us) / int(period_us) for quota_us, period_us in limited), default=None)


def memory_bytes(own_groups: Path = _OWN_GROUPS, mounted: Path = _MOUNTED) -> int | None:
    """Memory before the kernel ends a process of the group; None without a limit.

    Version 1 writes "no limit" as a number beyond any memory, so hold the answer against the machine's.
    """
    words = [
        *(_words(group / "memory.max") for group in _groups(_VERSION_2, own_groups, mounted)),
        *(_words(group / "memory.limit_in_bytes") for group in _groups("memory", own_groups, mounted)),
    ]
    return min((int(limit[0]) for limit in words if limit and limit[0].isdigit()), default=None)


def _groups(controller: str, own_groups: Path, mounted: Path) -> Iterator[Path]:
    """Folders of the process's group under a controller, and of all groups above it."""
    for line in _lines(own_groups):
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            own = PurePosixPath(path.lstrip("/"))
            yield from (mounted / controller / group for group in (own, *own.parents))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def _words(path: Path) -> list[str]:
    return [word for line in _lines(path) for word in line.split()]
