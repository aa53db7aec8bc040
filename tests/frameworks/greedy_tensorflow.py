"""TensorFlow's adapter, asking for more memory than any machine has."""

from __future__ import annotations

import tensorflow as tf

from harness.frameworks.tensorflow.adapter import probe
from harness.frameworks.tensorflow.mlp import TensorFlowMlp

__all__ = ["open_adapter", "probe"]

TOO_MUCH_BYTES = 2**46


class Greedy(TensorFlowMlp):
    def pace(self, order):
        """The last thing that is asked before the rounds, all of which are greedy."""
        found = super().pace(order)
        self._train_step = lambda batch: tf.zeros(TOO_MUCH_BYTES, dtype=tf.uint8)
        return found


def open_adapter(spec):
    return Greedy(spec)
