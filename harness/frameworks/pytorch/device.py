"""A device as PyTorch sees it: whether it can be used, its clock and its allocator."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from harness.errors import DeviceUnavailable
from harness.frameworks.gauge import Gauge
from harness.work.records import AllocatorUse

_PER_MS = 1e-3

# What a toolkit asks of a machine, by its major version: its release notes, "CUDA Driver" and dropped
# architectures. PyTorch says neither.
_NEEDS: Final = {
    "13": "; CUDA 13 needs driver 580 or newer and a Turing GPU (compute capability 7.5) or newer",
}


def probe(device: str) -> str:
    """Say which device PyTorch would use; on a GPU, once it has run a kernel there.

    Raises:
        DeviceUnavailable: with PyTorch's own words, when it cannot use the device.
    """
    if device == "cpu":
        return f"PyTorch {torch.__version__} on the CPU"
    try:
        torch.zeros(1, device="cuda")
    except (RuntimeError, AssertionError) as error:
        built = torch.version.cuda or "none: a CPU-only build"
        said = str(error).splitlines()[0].rstrip(".")
        needs = _NEEDS.get(built.partition(".")[0], "")
        raise DeviceUnavailable(
            f"PyTorch {torch.__version__} (built for CUDA {built}): {said}{needs}"
        ) from error
    return f"PyTorch {torch.__version__} on {torch.cuda.get_device_name(0)}"


class CudaGauge(Gauge):
    """Times by CUDA events, counts by PyTorch's caching allocator."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._begin, self._end = (torch.cuda.Event(enable_timing=True) for _ in range(2))

    def begin_round(self) -> None:
        self._begin.record()

    def end_round(self) -> None:
        self._end.record()

    def round_s(self) -> float:
        return float(self._begin.elapsed_time(self._end)) * _PER_MS

    def forget_peaks(self) -> None:
        torch.cuda.reset_peak_memory_stats(self._device)

    def allocated(self) -> AllocatorUse:
        return AllocatorUse(
            peak_in_use_bytes=torch.cuda.max_memory_allocated(self._device),
            peak_reserved_bytes=torch.cuda.max_memory_reserved(self._device),
            reason=None,
        )


def place(tensor: Tensor) -> str:
    """Where a tensor is, cpu or gpu."""
    return "gpu" if tensor.device.type == "cuda" else "cpu"


def ran_out(error: BaseException) -> bool:
    """Whether an error says that a GPU's or the host's memory ran out; for the latter there is no type."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
