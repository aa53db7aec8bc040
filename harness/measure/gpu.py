"""What the workers of a match do to their GPU, sampled by a thread of the parent.

All of them live on the same device, so whatever is the device's is counted for the one whose turn it
is: `begin` and `end` enclose a turn and take samples of their own at its edges.
"""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Final

import pynvml

from harness.errors import NvmlError
from harness.measure.nvml import FAULTS, Gpu, handle_of, in_words, session, told
from harness.measure.owners import HOSTS_NUMBERS, Owners
from harness.measure.samples import Sample, Turn, look
from harness.work.records import GpuUse

SAMPLE_EVERY_S: Final = 0.05

# Memory counts as given back within this of what was in use before: drivers keep a little.
RELEASED_WITHIN_BYTES: Final = 64 * 2**20
_RELEASE_TIMEOUT_S: Final = 10.0

# A desktop's own memory moves by more than that, and would be waited for in vain after every match.
_RELEASE_TIMEOUT_WITH_SCREEN_S: Final = 1.0


@dataclass(slots=True)
class _Seen:
    """What is known of one worker so far."""

    process_peak_bytes: int | None = None
    process_reason: str | None = "NVML never listed the worker's process (a container may hide it)"
    grown_bytes: int = 0
    device_peak_bytes: int | None = None


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
            sample = look(self._handle, started_s)
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
