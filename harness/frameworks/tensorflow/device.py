"""A GPU as TensorFlow sees it: its allocator, and what lies on it."""

from __future__ import annotations

import tensorflow as tf

from harness.frameworks.gauge import Gauge
from harness.work.records import AllocatorUse

_GPU = "GPU:0"


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
