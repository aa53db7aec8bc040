"""GPU memory through NVML, NVIDIA's management library, by way of `pynvml`.

NVML's errors become `NvmlError` in one place. Devices are numbered as NVML numbers them, by PCI bus;
workers are told CUDA_DEVICE_ORDER=PCI_BUS_ID, so that CUDA agrees.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import psutil
import pynvml

from harness.errors import NvmlError

SAMPLE_EVERY_S: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """A device as NVML describes it."""

    index: int
    name: str
    uuid: str
    total_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NvmlProbe:
    """What NVML says: a driver and its devices, or the reason why there are none."""

    driver_version: str | None
    devices: tuple[Gpu, ...]
    reason: str | None


@contextmanager
def session() -> Iterator[None]:
    """NVML initialised, and shut down at the end.

    Raises:
        NvmlError: in NVML's own words, from the first call, the last, or any inside.
    """
    try:
        pynvml.nvmlInit()
        try:
            yield
        finally:
            pynvml.nvmlShutdown()
    except pynvml.NVMLError as error:
        raise NvmlError(str(error)) from error


def probe() -> NvmlProbe:
    """Ask NVML what there is; never raises."""
    try:
        with session():
            driver = pynvml.nvmlSystemGetDriverVersion()
            devices = tuple(_gpu(index) for index in range(pynvml.nvmlDeviceGetCount()))
    except NvmlError as error:
        return NvmlProbe(driver_version=None, devices=(), reason=str(error))
    reason = None if devices else "the driver sees no GPU"
    return NvmlProbe(driver_version=driver, devices=devices, reason=reason)


def _gpu(index: int) -> Gpu:
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    return Gpu(
        index=index,
        name=pynvml.nvmlDeviceGetName(handle),
        uuid=pynvml.nvmlDeviceGetUUID(handle),
        total_bytes=pynvml.nvmlDeviceGetMemoryInfo(handle).total,
    )


class MemorySampler:
    """Peak GPU memory of a process and its children, sampled by a thread of the parent.

    On a CPU there is nothing to sample and no thread is started.
    """

    def __init__(self, device: str, pid: int, every_s: float = SAMPLE_EVERY_S) -> None:
        self._pid = pid
        self._every_s = every_s
        self._peak_bytes: int | None = None
        self._reason: str | None = "not sampled yet"
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        if device == "cpu":
            self._reason = "the device is a CPU"
            return
        index = int(device.partition(":")[2] or 0)
        self._thread = threading.Thread(target=self._watch, args=(index,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the sampling; harmless when repeated."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def peak(self) -> tuple[int | None, str | None]:
        """Bytes and None, or None and the reason why there are none."""
        return self._peak_bytes, None if self._peak_bytes is not None else self._reason

    def _watch(self, index: int) -> None:
        try:
            with session():
                handle = pynvml.nvmlDeviceGetHandleByIndex(index)
                while not self._ended.wait(self._every_s):
                    self._sample(handle)
        except NvmlError as error:
            self._reason = str(error)

    def _sample(self, handle: object) -> None:
        family = _family(self._pid)
        shares = [
            process.usedGpuMemory
            for process in pynvml.nvmlDeviceGetComputeRunningProcesses(handle)
            if process.pid in family
        ]
        if not shares:
            self._reason = "NVML never listed the worker's process (a container may hide it)"
        elif None in shares:
            self._reason = "the driver hides the memory of single processes"
        else:
            self._peak_bytes = max(self._peak_bytes or 0, sum(shares))


def _family(pid: int) -> set[int]:
    try:
        children = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return set()
    return {pid, *(child.pid for child in children)}
