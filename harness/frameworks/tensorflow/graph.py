"""A whole epoch in one call of TensorFlow: a `tf.function` that loops over the batches by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from harness.frameworks.base import Counts
from harness.frameworks.tensorflow.mlp import TensorFlowMlp
from harness.work.recipe import Order, Weights, batches


class TensorFlowGraph(TensorFlowMlp):
    """Mode `graph`. Evaluation and predictions are those of mode `loop`."""

    def build(self, weights: Weights) -> None:
        super().build(weights)
        with tf.device(self.device):
            self._seen = tf.Variable(0, dtype=tf.int64)
        self._train_all = self._whole_epoch()

    def begin_epoch(self, order: Order) -> None:
        with tf.device(self.device):
            self._order = tf.constant(order)
        self._steps_before = int(self.optimizer.iterations.numpy())
        self._loss_sum.assign(0.0)
        self._seen.assign(0)

    def train_epoch(self) -> None:
        with tf.device(self.device):
            self._train_all(self._order)

    def train_loss(self) -> float:
        return float(self._loss_sum.numpy()) / self.trained().samples

    def trained(self) -> Counts:
        return Counts(
            steps=int(self.optimizer.iterations.numpy()) - self._steps_before,
            samples=int(self._seen.numpy()),
        )

    def held_batches(self) -> list[Order]:
        return batches(self._order.numpy(), self.workload.batch_size)

    def _whole_epoch(self) -> Callable[[tf.Tensor], Any]:
        """Trained on any number of samples without being traced again; the full batch's shape is static."""
        size = self.workload.batch_size

        def step(batch: tf.Tensor) -> None:
            self._step(batch)
            self._seen.assign_add(tf.size(batch, tf.int64))

        def epoch(order: tf.Tensor) -> None:
            full = tf.size(order) // size
            for number in tf.range(full):
                step(tf.ensure_shape(order[number * size : (number + 1) * size], (size,)))
            if tf.size(order) > full * size:
                step(order[full * size :])

        traced: Callable[[tf.Tensor], Any] = tf.function(
            epoch, input_signature=[tf.TensorSpec((None,), tf.int64)]
        )
        return traced

    def _step_kind(self) -> str:
        return "tf.function (a loop over the epoch)"
