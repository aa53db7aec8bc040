"""A device as TensorFlow sees it: whether it can be used, its allocator, and what lies on it."""

from __future__ import annotations

import ctypes
import os
from typing import Final

import tensorflow as tf

from harness.errors import DeviceUnavailable
from harness.frameworks.gauge import Gauge
from harness.work.records import AllocatorUse

_GPU = "GPU:0"

_DRIVER: Final = "libcuda.so.1"
# What TensorFlow 2.21 opens before it registers a GPU. Where one is not found it registers none, and does not
# say which that was.
_OPENED: Final = (
    "libnvidia-ml.so.1", "libcudart.so.12", "libcublas.so.12", "libcublasLt.so.12", "libcufft.so.11",
    "libcusolver.so.11", "libcusparse.so.12", "libcudnn.so.9",
)  # fmt: skip


def probe(device: str) -> str:
    """Say which device TensorFlow would use; on a GPU, once it has run a kernel there.

    Raises:
        DeviceUnavailable: with TensorFlow's own words, when it cannot use the device; when it registers
            none, which it does without a reason, with what is missing.
    """
    if device == "cpu":
        return f"TensorFlow {tf.__version__} on the CPU"
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        raise _unavailable(f"it registered no GPU{_missing()}")
    try:
        with tf.device("/GPU:0"):
            tf.zeros(1).numpy()
    except tf.errors.OpError as error:
        raise _unavailable(error.message.splitlines()[0]) from error
    name = tf.config.experimental.get_device_details(gpus[0]).get("device_name", "a GPU")
    return f"TensorFlow {tf.__version__} on {name}"


def _unavailable(why: str) -> DeviceUnavailable:
    built = tf.sysconfig.get_build_info().get("cuda_version", "none: a CPU-only build")
    return DeviceUnavailable(f"TensorFlow {tf.__version__} (built for CUDA {built}): {why}")


def _missing() -> str:
    """Why there is no GPU, as far as the driver and the libraries that TensorFlow has opened show it."""
    try:
        driver = ctypes.CDLL(_DRIVER)
    except OSError:
        return f", for there is no driver ({_DRIVER})"
    if code := driver.cuInit(0):
        name = ctypes.c_char_p()
        driver.cuGetErrorName(code, ctypes.byref(name))
        return f", for the driver says {(name.value or str(code).encode()).decode()}"
    missing = [name for name in _OPENED if not _is_loaded(name)]
    if not missing:
        return ""
    return f", for it cannot open {', '.join(missing)} (`make setup DEVICE=cuda` installs CUDA's for it)"


def _is_loaded(library: str) -> bool:
    try:
        ctypes.CDLL(library, mode=os.RTLD_NOLOAD)
    except OSError:
        return False
    return True


class TensorFlowGauge(Gauge):
    """Counts by TensorFlow's allocator; TensorFlow offers no clock of the device."""

    def forget_peaks(self) -> None:
        tf.config.experimental.reset_memory_stats(_GPU)

    def allocated(self) -> AllocatorUse:
        return AllocatorUse(
            peak_in_use_bytes=int(tf.config.experimental.get_memory_info(_GPU)["peak"]),
            peak_reserved_bytes=None,
            reason="TensorFlow does not say what its allocator has reserved",
        )


def place(device: str) -> str:
    """cpu or gpu, from a device's name in TensorFlow."""
    return "gpu" if "GPU" in device else "cpu"


def memory_growth() -> bool:
    """Whether TensorFlow takes memory on every GPU as it needs it, rather than all at once."""
    gpus = tf.config.list_physical_devices("GPU")
    return all(tf.config.experimental.get_memory_growth(gpu) for gpu in gpus)
