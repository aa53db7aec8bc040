"""What else the cores of this process did during a round: read off the clock, just before and after it."""

from __future__ import annotations

import resource
from dataclasses import replace
from statistics import fmean
from typing import Final

import psutil

from harness.measure import host
from harness.work.records import Disturbance, GpuRound

# Systems count processor time in ticks of 10 ms a core: a difference of less than two may be rounding.
_TICKS_S: Final = 0.02

# A round is disturbed where others took more of it than this, as a share of its wall time. On a quiet
# machine others take a few percent of a core, a neighbour at work takes most of one: few rounds lie between.
STEAL_SHARE: Final = 0.05
OTHERS_SHARE: Final = 0.25


class Watch:
    """Counts what happens between `begin` and `end` on the cores that are this process's own."""

    def __init__(self, own_cores: frozenset[int] = host.OWN_CORES) -> None:
        self._own_cores = own_cores

    def begin(self) -> None:
        self._before = host.processor_times(own_cores=self._own_cores)
        self._used = resource.getrusage(resource.RUSAGE_SELF)

    def end(self, *, own_cpu_s: float) -> Disturbance:
        """What happened since `begin`; `own_cpu_s` is what this process used meanwhile.

        `others_cpu_s` may be below 0 by the rounding of the ticks, so that parts of a round can be added up.
        """
        used, now = resource.getrusage(resource.RUSAGE_SELF), host.processor_times(own_cores=self._own_cores)
        steal_s = host.passed(self._before, now, ("steal",))
        busy_s = host.passed(self._before, now, host.BUSY)
        return Disturbance(
            steal_s=steal_s,
            others_cpu_s=None if busy_s is None else busy_s - own_cpu_s,
            voluntary_switches=used.ru_nvcsw - self._used.ru_nvcsw,
            involuntary_switches=used.ru_nivcsw - self._used.ru_nivcsw,
            frequency_hz=_frequency_hz(),
        )


def rounded_up(seen: Disturbance) -> Disturbance:
    """The same for a whole round: where ticks say less than nothing, others used nothing."""
    return seen if seen.others_cpu_s is None else replace(seen, others_cpu_s=max(0.0, seen.others_cpu_s))


def mark(seen: Disturbance, *, wall_s: float, gpu: GpuRound | None = None) -> str | None:
    """What disturbed a round of `wall_s` seconds, by a rule fixed in advance; None where nothing did.

    `steal`: the hypervisor took more than 5 % of the round. `others`: other processes used more than
    25 % of one core. Either has to be more than two ticks of the system's clock, too. `throttled`: heat or
    a power limit kept the GPU's clocks down. Nothing but stored columns is looked at, so the rule can be
    applied again to what is on disk (NaN counts as None).
    """
    for name, taken_s, share in (
        ("steal", seen.steal_s, STEAL_SHARE),
        ("others", seen.others_cpu_s, OTHERS_SHARE),
    ):
        if taken_s is not None and taken_s > max(_TICKS_S, share * wall_s):
            return name
    return "throttled" if gpu is not None and gpu.throttled_by else None


def _frequency_hz() -> float | None:
    """Mean of the cores' present frequency; None where the system tells at best the nominal one."""
    # Elsewhere psutil gives a constant; on Linux without cpufreq, as in most virtual machines, it does
    # too, and leaves out the greatest frequency.
    if not psutil.LINUX:
        return None
    try:
        cores = psutil.cpu_freq(percpu=True)
    except (NotImplementedError, OSError):  # cpufreq is there and tells no present frequency
        return None
    told_mhz = [core.current for core in cores if core.max]  # all are 0 for a core that is off
    return fmean(told_mhz) * 1e6 if told_mhz else None
