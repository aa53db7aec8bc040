"""GPUs as NVML, NVIDIA's management library, knows them, by way of `pynvml`.

NVML's errors become `NvmlError` here and nowhere else. NVML numbers devices by PCI bus; CUDA does so only
when told, and then only those that are visible. A worker is therefore given its device by UUID, which
means the same to both.
"""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

import pynvml

from harness.errors import DeviceUnavailable, NvmlError

Told = TypeVar("Told")

# What a call of pynvml raises: NVML's own errors, and what its library makes of a driver's oddities.
FAULTS: Final = (pynvml.NVMLError, OSError, ValueError)

# A quantity that this card, driver or user cannot have; every other error means that NVML itself failed.
# Slices of a GPU (MIG) call some questions invalid, and answer others with no more than "unknown error".
_NOT_TOLD: Final = {
    pynvml.NVML_ERROR_NOT_SUPPORTED,
    pynvml.NVML_ERROR_NO_PERMISSION,
    pynvml.NVML_ERROR_FUNCTION_NOT_FOUND,
    pynvml.NVML_ERROR_NO_DATA,
    pynvml.NVML_ERROR_NOT_FOUND,
    pynvml.NVML_ERROR_INVALID_ARGUMENT,
    pynvml.NVML_ERROR_UNKNOWN,
}

# Compute modes in which two processes cannot work on a device at once, as `nvidia-smi -q` names them.
_UNSHARED: Final = {
    pynvml.NVML_COMPUTEMODE_EXCLUSIVE_THREAD: "EXCLUSIVE_THREAD",
    pynvml.NVML_COMPUTEMODE_PROHIBITED: "PROHIBITED",
    pynvml.NVML_COMPUTEMODE_EXCLUSIVE_PROCESS: "EXCLUSIVE_PROCESS",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """A device, or a slice of one (MIG), as NVML describes it.

    `index` counts the devices within reach in PCI order; `total_bytes` is None where a device shares the
    host's memory. `unshared` names the compute mode that keeps a second process from the device, None where
    there is none; `draws_screen` says that a desktop uses it, too.
    """

    index: int
    name: str
    uuid: str
    total_bytes: int | None
    unshared: str | None = None
    draws_screen: bool = False

    @property
    def refusal(self) -> str | None:
        """Why no pair can be measured on it, and what would change that; None where one can."""
        if self.unshared is None:
            return None
        return (
            f"{self.name} ({self.uuid}) is in compute mode {self.unshared}, and two workers use it at once; "
            f"`nvidia-smi -i {self.uuid} -c DEFAULT`, as root, lets them"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NvmlProbe:
    """What NVML says: a driver and its devices, or the reason why there are none.

    `out_of_reach` has a sentence for each device that is there and cannot be used: a container or a cgroup
    keeps it back, it fell off the bus, it waits for a reset. CUDA does not count such a device either.
    """

    driver_version: str | None
    devices: tuple[Gpu, ...]
    reason: str | None
    out_of_reach: tuple[str, ...] = ()


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
    except FAULTS as error:
        raise NvmlError(in_words(error)) from error


def in_words(error: Exception) -> str:
    """NVML's reason. pynvml asks the library for one that it does not know; that may be no text either."""
    try:
        return str(error)
    except ValueError:
        return f"NVML error {getattr(error, 'value', type(error).__name__)}"


def told(question: Callable[..., Told], *arguments: object) -> Told | None:
    """NVML's answer inside a session; None where this card, driver or user cannot have it."""
    try:
        return question(*arguments)
    except pynvml.NVMLError as error:
        if error.value in _NOT_TOLD:
            return None
        raise


def handle_of(gpu: Gpu) -> object:
    """What NVML's other calls take for a device, inside a session."""
    return pynvml.nvmlDeviceGetHandleByUUID(gpu.uuid)


def probe() -> NvmlProbe:
    """Ask NVML what there is; never raises. One device out of reach leaves the others as they are."""
    devices: list[Gpu] = []
    out_of_reach: dict[int, str] = {}
    try:
        with session():
            driver = _text(pynvml.nvmlSystemGetDriverVersion)
            for place in range(pynvml.nvmlDeviceGetCount()):
                try:
                    devices.append(_gpu(len(devices), pynvml.nvmlDeviceGetHandleByIndex(place)))
                except FAULTS as error:
                    out_of_reach[place] = in_words(error)
    except NvmlError as error:
        return NvmlProbe(driver_version=None, devices=(), reason=str(error))
    return NvmlProbe(
        driver_version=driver,
        devices=tuple(devices),
        reason=None if devices else "; ".join(out_of_reach.values()) or "the driver sees no GPU",
        out_of_reach=tuple(f"GPU {place} cannot be used: {why}" for place, why in out_of_reach.items()),
    )


def left_visible() -> tuple[Gpu, ...]:
    """The devices that this process's environment leaves to CUDA, in CUDA's order; none without NVML."""
    return visible(os.environ.get("CUDA_VISIBLE_DEVICES"), probe().devices)


def gpu_of(device: str) -> Gpu:
    """The GPU that `cuda`, `cuda:N`, `GPU-…` or `MIG-…` stands for in this process's environment.

    Raises:
        DeviceUnavailable: NVML's reason, or which devices are visible when it is none of them.
    """
    return _found(device)[1]


def canonical(device: str) -> str:
    """`cuda:N` for any way to name a GPU, N counting the visible devices; `cpu` as it is.

    Raises:
        DeviceUnavailable: as `gpu_of`.
    """
    return device if device == "cpu" else f"cuda:{_found(device)[0]}"


def visible(setting: str | None, gpus: Sequence[Gpu]) -> tuple[Gpu, ...]:
    """The devices that `CUDA_VISIBLE_DEVICES` leaves, in its order; all where it is not set (None).

    As in the CUDA C++ Programming Guide, "CUDA Environment Variables": places in PCI order, UUIDs or
    their beginnings; what comes after an entry that fits no device is not visible either.
    """
    if setting is None:
        return tuple(gpus)
    left: list[Gpu] = []
    for entry in filter(None, map(str.strip, setting.split(","))):
        fitting = _fitting(entry, gpus)
        if fitting is None:
            break
        left.append(fitting)
    return tuple(left)


def chosen(device: str, left: Sequence[Gpu]) -> Gpu:
    """The one of the visible devices that `device` stands for.

    Raises:
        DeviceUnavailable: it is none of them, or more than one.
    """
    if device.startswith(("GPU-", "MIG-")):
        fitting = [gpu for gpu in left if gpu.uuid.startswith(device)]
    else:
        fitting = list(left)[int(device.partition(":")[2] or 0) :][:1]
    if len(fitting) == 1:
        return fitting[0]
    there = ", ".join(f"cuda:{place} ({gpu.name}, {gpu.uuid})" for place, gpu in enumerate(left))
    problem = "fits more than one" if fitting else "is none"
    use = there or "DEVICE=cpu"
    if device.startswith("MIG-"):
        use = f"CUDA_VISIBLE_DEVICES={device} DEVICE=cuda for a slice of a GPU; visible are {there or 'none'}"
    raise DeviceUnavailable(f"DEVICE={device}: {problem} of the visible GPUs; use {use}")


def _found(device: str) -> tuple[int, Gpu]:
    """The GPU that a name stands for, after its place among the visible ones."""
    driver = probe()
    if driver.reason is not None:
        raise DeviceUnavailable(f"DEVICE={device}: not available. NVML: {driver.reason}. Use DEVICE=cpu")
    left = visible(os.environ.get("CUDA_VISIBLE_DEVICES"), driver.devices)
    try:
        gpu = chosen(device, left)
    except DeviceUnavailable as error:
        raise DeviceUnavailable(". ".join([str(error), *driver.out_of_reach])) from None
    return left.index(gpu), gpu


def _fitting(entry: str, gpus: Sequence[Gpu]) -> Gpu | None:
    if re.fullmatch(r"\d+", entry):
        return next((gpu for gpu in gpus if gpu.index == int(entry)), None)
    if entry.startswith("MIG-"):
        return _slice(entry)
    fitting = [gpu for gpu in gpus if gpu.uuid.startswith(entry)]
    return fitting[0] if len(fitting) == 1 else None


def _slice(uuid: str) -> Gpu | None:
    """A MIG slice; it has no place of its own in PCI order."""
    try:
        with session():
            return _gpu(-1, pynvml.nvmlDeviceGetHandleByUUID(uuid))
    except NvmlError:
        return None


def _gpu(index: int, handle: object) -> Gpu:
    memory = told(pynvml.nvmlDeviceGetMemoryInfo, handle)
    return Gpu(
        index=index,
        name=_text(pynvml.nvmlDeviceGetName, handle),
        uuid=_text(pynvml.nvmlDeviceGetUUID, handle),
        total_bytes=None if memory is None else memory.total,
        unshared=_UNSHARED.get(told(pynvml.nvmlDeviceGetComputeMode, handle)),
        draws_screen=told(pynvml.nvmlDeviceGetDisplayActive, handle) == pynvml.NVML_FEATURE_ENABLED,
    )


def _text(question: Callable[..., str], *arguments: object) -> str:
    """An answer in words. Drivers have sent bytes that are no UTF-8; each becomes a replacement character."""
    # Below pynvml's own decoding, which is strict.
    answer: bytes = inspect.unwrap(question)(*arguments)
    return answer.decode("utf-8", errors="replace")
