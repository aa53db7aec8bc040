"""A device as TensorFlow sees it: whether it can be used, its allocator, and what lies on it."""

from __future__ import annotations

import tensorflow as tf

from harness.errors import DeviceUnavailable
from harness.frameworks.gauge import Gauge
from harness.work.records import AllocatorUse

_GPU = "GPU:0"


def probe(device: str) -> str:
    """Say which device TensorFlow would use; on a GPU, once it has run a kernel there.

    Raises:
        DeviceUnavailable: when TensorFlow registers no GPU; it does so silently, so the reason is told
            from what its build says.
    """
    if device == "cpu":
        return f"TensorFlow {tf.__version__} on the CPU"
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        built = tf.sysconfig.get_build_info().get("cuda_version", "none: a CPU-only build")
        raise DeviceUnavailable(f"TensorFlow {tf.__version__} (built for CUDA {built}): it registered no GPU")
    with tf.device("/GPU:0"):
        tf.zeros(1).numpy()
    name = tf.config.experimental.get_device_details(gpus[0]).get("device_name", "a GPU")
    return f"TensorFlow {tf.__version__} on {name}"


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
