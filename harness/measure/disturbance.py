"""What else the machine did during a round: read off the clock, just before and just after it."""

from __future__ import annotations

import resource
from typing import Final

import psutil

from harness.records import Disturbance

# Systems count processor time in ticks of 10 ms a core: a difference of less than two may be rounding.
_TICKS_S: Final = 0.02

# A round is disturbed where others took more of it than this, as a share of its wall time.
STEAL_SHARE: Final = 0.05
OTHERS_SHARE: Final = 0.25


class Watch:
    """Counts what happens between `begin` and `end`."""

    def begin(self) -> None:
        self._before = psutil.cpu_times()
        self._used = resource.getrusage(resource.RUSAGE_SELF)

    def end(self, *, own_cpu_s: float) -> Disturbance:
        """What happened since `begin`; `own_cpu_s` is what this process used meanwhile."""
        used, now = resource.getrusage(resource.RUSAGE_SELF), psutil.cpu_times()
        steal_s = _passed(self._before, now, ("steal",))
        # Guests are counted as user time too; idle and waiting cores are not at work.
        busy_s = _passed(self._before, now, ("user", "nice", "system", "irq", "softirq"))
        return Disturbance(
            steal_s=steal_s,
            others_cpu_s=None if busy_s is None else max(0.0, busy_s - own_cpu_s),
            voluntary_switches=used.ru_nvcsw - self._used.ru_nvcsw,
            involuntary_switches=used.ru_nivcsw - self._used.ru_nivcsw,
            frequency_hz=_frequency_hz(),
        )


def mark(seen: Disturbance, *, wall_s: float) -> str | None:
    """What disturbed a round of `wall_s` seconds, by a rule fixed in advance; None where nothing did.

    `steal`: the hypervisor took more than 5 % of the round. `others`: other processes used more than
    25 % of one core. Either has to be more than two ticks of the system's clock, too.
    """
    for name, taken_s, share in (
        ("steal", seen.steal_s, STEAL_SHARE),
        ("others", seen.others_cpu_s, OTHERS_SHARE),
    ):
        if taken_s is not None and taken_s > max(_TICKS_S, share * wall_s):
            return name
    return None


def _passed(before: object, now: object, names: tuple[str, ...]) -> float | None:
    """Seconds that these counters have gone up by, together; None where the system has none of them."""
    there = [name for name in names if hasattr(now, name)]
    if not there:
        return None
    return float(sum(getattr(now, name) - getattr(before, name) for name in there))


def _frequency_hz() -> float | None:
    frequency = psutil.cpu_freq() if hasattr(psutil, "cpu_freq") else None
    return frequency.current * 1e6 if frequency and frequency.current else None
