"""A device as TensorFlow sees it: whether it can be used, its allocator, and what lies on it."""

from __future__ import annotations

import ctypes
from typing import Final

from harness.frameworks.tensorflow import spared  # noqa: F401  # isort: skip  (before TensorFlow)
import tensorflow as tf

from harness.errors import DeviceUnavailable
from harness.frameworks.gauge import Gauge
from harness.work.records import AllocatorUse

_GPU = "GPU:0"

_DRIVER: Final = "libcuda.so.1"


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
    """Why there is no GPU, as far as the driver shows it; of libraries TensorFlow's log tells."""
    try:
        driver = ctypes.CDLL(_DRIVER)
    except OSError:
        return f", for there is no driver ({_DRIVER})"
    code = driver.cuInit(0)
    if not code:
        return ""
    name = ctypes.c_char_p()
    driver.cuGetErrorName(code, ctypes.byref(name))
    return f", for the driver says {(name.value or str(code).encode()).decode()}"


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
