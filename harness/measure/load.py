"""Who else uses the machine's processors, before anything is measured."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

import psutil

_WINDOW_S: Final = 0.5

# Less than this is what any machine does beside.
LEAST_CORES: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A process of somebody else's, which kept so many cores busy; names are the system's, so anybody's."""

    user: str
    name: str
    cores: float


def others(window_s: float = _WINDOW_S, least_cores: float = LEAST_CORES) -> list[Load]:
    """The processes that keep at least so much of a core busy for so long from now, the busiest first.

    Not this process, those that it came from, and those that it began; nor what a container does not see.
    """
    own = _own()
    before = dict(filter(None, map(_used, _processes(own))))
    begin_s = time.monotonic()
    time.sleep(window_s)
    took_s = time.monotonic() - begin_s
    found = []
    for one in _processes(own):
        told = _used(one)
        if told is None or told[0] not in before:
            continue
        cores = (told[1] - before[told[0]]) / took_s
        if cores >= least_cores:
            found.append(Load(user=_told(one, "username"), name=_told(one, "name"), cores=cores))
    return sorted(found, key=lambda one: -one.cores)


def _own() -> set[int]:
    me = psutil.Process()
    try:
        return {me.pid, *(one.pid for one in (*me.parents(), *me.children(recursive=True)))}
    except psutil.Error:
        return {me.pid}


def _processes(but: set[int]) -> list[psutil.Process]:
    return [one for one in psutil.process_iter() if one.pid not in but]


def _used(process: psutil.Process) -> tuple[tuple[int, float], float] | None:
    """Which process it is, and its processor seconds so far; None where it has gone or does not say."""
    try:
        times = process.cpu_times()
        return (process.pid, process.create_time()), float(times.user + times.system)
    except psutil.Error:
        return None


def _told(process: psutil.Process, what: str) -> str:
    try:
        return str(getattr(process, what)())
    except psutil.Error:
        return "?"
