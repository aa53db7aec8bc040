"""The same conditions for both sides: what has to be set before a framework is imported."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import harness
from harness.errors import DeviceUnavailable
from harness.measure import nvml

# By TensorFlow's default a process takes nearly all memory of a GPU at once.
GROWTH: Final = "TF_FORCE_GPU_ALLOW_GROWTH"

# The package is found from any folder, installed or not.
_IMPORT_ROOT: Final = str(Path(harness.__file__).parent.parent)


def environment(*, device: str, threads: int, compile_cache: Path) -> dict[str, str]:
    """Environment of a worker: the user's own, with every setting that either framework reads fixed."""
    inherited = dict(os.environ)
    python_path = [_IMPORT_ROOT, *filter(None, [inherited.get("PYTHONPATH")])]
    return inherited | {
        "PYTHONPATH": os.pathsep.join(python_path),
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "KERAS_BACKEND": "tensorflow",
        # On: the default where it matters (AVX-512 CPUs), made the same everywhere.
        "TF_ENABLE_ONEDNN_OPTS": "1",
        GROWTH: "true",
        "TF_CPP_MIN_LOG_LEVEL": "1",
        # CUDA and NVML number devices differently, a UUID is one to both; what is hidden cannot be used.
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "CUDA_VISIBLE_DEVICES": visible_devices(device, inherited.get("CUDA_VISIBLE_DEVICES")),
        # A cache of its own for each run: compile time does not depend on what ran before it.
        "TORCHINDUCTOR_CACHE_DIR": str(compile_cache),
    }


def visible_devices(device: str, already: str | None) -> str:
    """`CUDA_VISIBLE_DEVICES` that leaves a worker its own device, within what the user left visible.

    By UUID; by place where NVML cannot say it, so that the framework can say in its own words what is wrong.
    """
    if device == "cpu":
        return ""
    try:
        return nvml.gpu_of(device).uuid
    except DeviceUnavailable:
        return _by_place(device, already)


def _by_place(device: str, already: str | None) -> str:
    if not device.startswith("cuda"):
        return device  # A UUID stands for itself.
    index = int(device.partition(":")[2] or 0)
    if already is None:
        return str(index)
    return already.split(",")[index].strip() if index < len(already.split(",")) else ""
