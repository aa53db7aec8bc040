"""What the workers of a match do to their GPU, sampled by a thread of the parent.

All of them live on the same device, so whatever is the device's is counted for the one whose turn it
is: `begin` and `end` enclose a turn and take samples of their own at its edges.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import fmean, median
from typing import Final

import pynvml

from harness.errors import NvmlError
from harness.measure.nvml import FAULTS, Gpu, handle_of, in_words, session, told
from harness.measure.owners import HOSTS_NUMBERS, Owners
from harness.work.records import GpuRound, GpuUse

SAMPLE_EVERY_S: Final = 0.05

# Power and utilisation are means over up to a second by NVML's documentation ("nvmlDeviceGetPowerUsage",
# "nvmlUtilization_t"), and counters move every tenth of one: a turn is told from the one before when it lasts
# twice as long, or twenty steps of a counter.
_SETTLED_AFTER_S: Final = 1.0
TOLD_FROM_S: Final = 2.0

# Memory counts as given back within this of what was in use before: drivers keep a little.
RELEASED_WITHIN_BYTES: Final = 64 * 2**20
_RELEASE_TIMEOUT_S: Final = 10.0

# A desktop's own memory moves by more than that, and would be waited for in vain after every match.
_RELEASE_TIMEOUT_WITH_SCREEN_S: Final = 1.0

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


@dataclass(slots=True)
class _Seen:
    """What is known of one worker so far."""

    process_peak_bytes: int | None = None
    process_reason: str | None = "NVML never listed the worker's process (a container may hide it)"
    grown_bytes: int = 0
    device_peak_bytes: int | None = None


# One turn of a worker: the samples from its beginning to its end.
Turn = tuple[Sample, ...]


class GpuSampler:
    """Watches a device from its making until `stop`; where NVML ends first, `use` says why."""

    def __init__(self, gpu: Gpu, every_s: float = SAMPLE_EVERY_S) -> None:
        self._gpu = gpu
        self._every_s = every_s
        self._seen: dict[str, _Seen] = {}
        self._owners = Owners()
        self._turn_of: str | None = None
        self._turn: list[Sample] = []
        self._baseline_bytes: int | None = None
        self._last_bytes: int | None = None
        self._left_bytes: int | None = None
        self._costs_s: list[float] = []
        self._energy_source: str | None = None
        self._ended_because: str | None = None
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._open = ExitStack()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        try:
            # Kept open: a session for each sample would cost more than the sample.
            self._open.enter_context(session())
            self._handle = handle_of(gpu)
        except (NvmlError, *FAULTS) as error:
            self._ended_because = in_words(error)
            return
        self._sample()
        self._baseline_bytes = self._last_bytes
        self._owners.begin()
        self._thread.start()

    def follow(self, name: str, pid: int) -> None:
        """Count the memory of this process, and of those it starts, under this name."""
        self._seen[name] = _Seen()
        with self._lock:
            self._owners.follow(name, pid)

    @property
    def tells_energy(self) -> bool:
        """Whether the card tells its energy, or its power."""
        return self._energy_source is not None

    def begin(self, name: str) -> None:
        """Its turn on the device begins."""
        with self._lock:
            sample = self._sample()
            self._turn_of, self._turn = name, [sample] if sample else []

    def end(self) -> Turn:
        """The turn ends; what was sampled in it, empty where NVML has ended before."""
        with self._lock:
            self._sample()
            turn, self._turn_of, self._turn = tuple(self._turn), None, []
        return turn

    def stop(self) -> None:
        """The workers have gone: wait until their memory is back, then end. Harmless when repeated."""
        if self._stopping.is_set():
            return
        self._await_release()
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        try:
            self._open.close()
        except NvmlError as error:
            self._ended_because = self._ended_because or str(error)

    def use(self, name: str) -> GpuUse:
        """What a worker took, so far or, after `stop`, in all."""
        seen = self._seen.get(name, _Seen())
        if self._owners.numbers_are_hosts:
            seen = replace(seen, process_peak_bytes=None, process_reason=HOSTS_NUMBERS)
        return GpuUse(
            name=self._gpu.name,
            uuid=self._gpu.uuid,
            process_peak_bytes=seen.process_peak_bytes,
            process_reason=None if seen.process_peak_bytes is not None else seen.process_reason,
            device_peak_bytes=seen.device_peak_bytes,
            left_bytes=self._left_bytes,
            energy_source=self._energy_source,
            samples=len(self._costs_s),
            sample_s=fmean(self._costs_s) if self._costs_s else None,
            ended_because=self._ended_because,
        )

    def held_beside(self, name: str) -> int:
        """Bytes of the device that other workers hold: by their processes' peak, else by what they grew."""
        others = [seen for other, seen in self._seen.items() if other != name]
        return sum(max(0, seen.process_peak_bytes or seen.grown_bytes) for seen in others)

    @property
    def total_bytes(self) -> int | None:
        """All memory of the device; None where it does not tell."""
        return self._gpu.total_bytes

    @property
    def free_bytes(self) -> int | None:
        """What nobody held of it when last looked at; None where it does not tell."""
        if self._gpu.total_bytes is None or self._last_bytes is None:
            return None
        return self._gpu.total_bytes - self._last_bytes

    def _watch(self) -> None:
        while not self._stopping.wait(self._every_s):
            with self._lock:
                self._sample()

    def _sample(self) -> Sample | None:
        """Look once; None, now and ever after, where NVML has failed."""
        if self._ended_because is not None:
            return None
        started_s = time.perf_counter()
        try:
            sample = _look(self._handle, started_s)
            self._count_processes()
        except FAULTS as error:
            self._ended_because = in_words(error)
            return None
        self._count_device(sample)
        self._turn.append(sample)
        self._costs_s.append(time.perf_counter() - started_s)
        return sample

    def _count_device(self, sample: Sample) -> None:
        """Give what the device's memory has grown by to the worker whose turn it is."""
        self._energy_source = (
            "counter" if sample.energy_j is not None else "power" if sample.power_w is not None else None
        )
        if sample.device_bytes is None:
            return
        before_bytes = sample.device_bytes if self._last_bytes is None else self._last_bytes
        grown_bytes = sample.device_bytes - before_bytes
        self._last_bytes = sample.device_bytes
        if self._turn_of is not None:
            seen = self._seen[self._turn_of]
            seen.grown_bytes += grown_bytes
            seen.device_peak_bytes = max(seen.device_peak_bytes or 0, seen.grown_bytes)

    def _count_processes(self) -> None:
        used: dict[str, list[int | None]] = {}
        for process in told(pynvml.nvmlDeviceGetComputeRunningProcesses, self._handle) or []:
            name = self._owners.name_of(process.pid)
            if name is not None:
                used.setdefault(name, []).append(process.usedGpuMemory)
        for name, shares in used.items():
            seen = self._seen[name]
            known_bytes = [share for share in shares if share is not None]
            if len(known_bytes) < len(shares):
                seen.process_reason = "the driver hides the memory of single processes"
            else:
                seen.process_peak_bytes = max(seen.process_peak_bytes or 0, sum(known_bytes))

    def _await_release(self) -> None:
        """Wait, a bounded time, until the device holds no more than before the workers came."""
        if self._baseline_bytes is None:
            return
        screen = self._gpu.draws_screen
        timeout_s = _RELEASE_TIMEOUT_WITH_SCREEN_S if screen else _RELEASE_TIMEOUT_S
        deadline_s = time.monotonic() + timeout_s
        while self._ended_because is None:
            with self._lock:
                self._sample()
                self._left_bytes = max(0, (self._last_bytes or 0) - self._baseline_bytes)
            if self._left_bytes <= RELEASED_WITHIN_BYTES or time.monotonic() > deadline_s:
                return
            time.sleep(self._every_s)


def _look(handle: object, at_s: float) -> Sample:
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
