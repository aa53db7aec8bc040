"""What NVML tells of a device at one moment, and what the moments of a worker's turn say together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median
from typing import Final

import pynvml

from harness.measure.nvml import told
from harness.work.records import GpuRound

# Power and utilisation are means over up to a second by NVML's documentation ("nvmlDeviceGetPowerUsage",
# "nvmlUtilization_t"), and counters move every tenth of one: a turn is told from the one before when it lasts
# twice as long, or twenty steps of a counter.
_SETTLED_AFTER_S: Final = 1.0
TOLD_FROM_S: Final = 2.0

# What keeps clocks down and slows work; a card that idles, or was set to a clock, is not throttled.
_THROTTLES: Final = {
    pynvml.nvmlClocksThrottleReasonSwPowerCap: "power cap",
    pynvml.nvmlClocksThrottleReasonHwSlowdown: "hardware slowdown",
    pynvml.nvmlClocksThrottleReasonSwThermalSlowdown: "heat",
    pynvml.nvmlClocksThrottleReasonHwThermalSlowdown: "heat (hardware)",
    pynvml.nvmlClocksThrottleReasonHwPowerBrakeSlowdown: "power brake",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The device at one moment; None where NVML does not tell. `throttles` are NVML's own bits."""

    at_s: float
    device_bytes: int | None
    utilisation: float | None
    sm_hz: float | None
    memory_hz: float | None
    temperature_c: float | None
    power_w: float | None
    energy_j: float | None
    throttles: int


# One turn of a worker: the samples from its beginning to its end.
Turn = tuple[Sample, ...]


def look(handle: object, at_s: float) -> Sample:
    """Everything that is asked of the device itself.

    Raises:
        pynvml.NVMLError: the device or the driver has gone.
    """
    memory = told(pynvml.nvmlDeviceGetMemoryInfo, handle)
    rates = told(pynvml.nvmlDeviceGetUtilizationRates, handle)
    sm_mhz = told(pynvml.nvmlDeviceGetClockInfo, handle, pynvml.NVML_CLOCK_SM)
    memory_mhz = told(pynvml.nvmlDeviceGetClockInfo, handle, pynvml.NVML_CLOCK_MEM)
    power_mw = told(pynvml.nvmlDeviceGetPowerUsage, handle)
    energy_mj = told(pynvml.nvmlDeviceGetTotalEnergyConsumption, handle)
    return Sample(
        at_s=at_s,
        device_bytes=None if memory is None else memory.used,
        utilisation=None if rates is None else rates.gpu / 100,
        sm_hz=None if sm_mhz is None else sm_mhz * 1e6,
        memory_hz=None if memory_mhz is None else memory_mhz * 1e6,
        temperature_c=told(pynvml.nvmlDeviceGetTemperature, handle, pynvml.NVML_TEMPERATURE_GPU),
        power_w=None if power_mw is None else power_mw / 1e3,
        energy_j=None if energy_mj is None else energy_mj / 1e3,
        throttles=told(pynvml.nvmlDeviceGetCurrentClocksThrottleReasons, handle) or 0,
    )


def summarised(turns: Sequence[Turn], told_from_s: float = TOLD_FROM_S) -> GpuRound:
    """One or several turns of a worker as the figures of its round.

    What sensors average over time is None where a turn lasted less than `told_from_s`.
    """
    samples = [sample for turn in turns for sample in turn]
    told_apart = all(turn and turn[-1].at_s - turn[0].at_s >= told_from_s for turn in turns)

    def over(name: str, summary: Callable[[Sequence[float]], float]) -> float | None:
        values = [value for sample in samples if (value := getattr(sample, name)) is not None]
        return summary(values) if values else None

    energies_j = [_energy_j(turn) for turn in turns]
    known_j = [energy_j for energy_j in energies_j if energy_j is not None]
    return GpuRound(
        energy_j=sum(known_j) if told_apart and known_j and len(known_j) == len(energies_j) else None,
        utilisation=over("utilisation", fmean) if told_apart else None,
        sm_hz=over("sm_hz", median),
        memory_hz=over("memory_hz", median),
        temperature_c=over("temperature_c", max),
        power_w=over("power_w", fmean) if told_apart else None,
        throttled_by=_throttled_by(samples),
    )


def steady_energy_j(turn: Turn, began_s: float, ended_s: float) -> float | None:
    """What the card took for work from `began_s` to `ended_s`, on the clock of the samples.

    Its mean power once the sensors tell of nothing before the work, times all of its time. None where that
    leaves less than a second, or the card tells neither energy nor power.
    """
    settled = tuple(one for one in turn if began_s + _SETTLED_AFTER_S <= one.at_s <= ended_s)
    if not settled or settled[-1].at_s - settled[0].at_s < _SETTLED_AFTER_S:
        return None
    energy_j = _energy_j(settled)
    if energy_j is None:
        return None
    return energy_j / (settled[-1].at_s - settled[0].at_s) * (ended_s - began_s)


def _energy_j(turn: Turn) -> float | None:
    """From the card's own counter, else its power integrated by trapezia; None where it tells neither."""
    if len(turn) < 2:  # noqa: PLR2004  (one moment is no stretch of time)
        return None
    first, last = turn[0].energy_j, turn[-1].energy_j
    if first is not None and last is not None:
        return last - first
    total_j = 0.0
    for before, after in pairwise(turn):
        if before.power_w is None or after.power_w is None:
            return None
        total_j += (before.power_w + after.power_w) / 2 * (after.at_s - before.at_s)
    return total_j


def _throttled_by(samples: Sequence[Sample]) -> str | None:
    bits = 0
    for sample in samples:
        bits |= sample.throttles
    return ", ".join(name for bit, name in _THROTTLES.items() if bits & bit) or None
