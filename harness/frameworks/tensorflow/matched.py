"""Arithmetic for proofs on TensorFlow's side; timed trials run Keras's own Adam and Dropout."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from harness.work.recipe import Floats


class MatchedAdam(keras.optimizers.Adam):
    """Keras's Adam with epsilon where PyTorch has it.

    Keras divides by `sqrt(v) + eps`, PyTorch by `sqrt(v / (1 - beta_2**t)) + eps`: the same step but for
    epsilon, which Keras's form takes times `sqrt(1 - beta_2**t)`. Everything else stays Keras's own.
    """

    epsilon: Any

    def update_step(self, gradient: tf.Tensor, variable: keras.Variable, learning_rate: tf.Tensor) -> None:
        stock = self.epsilon
        step = ops.cast(self.iterations + 1, variable.dtype)
        beta_2_power = ops.power(ops.cast(self.beta_2, variable.dtype), step)
        self.epsilon = stock * ops.sqrt(1 - beta_2_power)
        try:
            super().update_step(gradient, variable, learning_rate)
        finally:
            self.epsilon = stock


class GivenMasks(keras.layers.Layer):
    """Dropout by masks (steps, rows, h) from outside, one a training step, divided by the keep rate."""

    def __init__(self, steps: int, rows: int, units: int) -> None:
        super().__init__()
        # Plain variables: the model's weights stay those that the recipe draws.
        # Each of several workers has its own.
        own = {"trainable": False, "aggregation": tf.VariableAggregation.ONLY_FIRST_REPLICA}
        self._masks = tf.Variable(tf.ones((steps, rows, units), self.compute_dtype), **own)
        self._next = tf.Variable(0, dtype=tf.int64, **own)

    def call(self, inputs: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        if not training:
            return inputs
        mask = tf.gather(self._masks, self._next)
        self._next.assign((self._next + 1) % self._masks.shape[0])
        return inputs * mask[: tf.shape(inputs)[0]]

    def put(self, masks: Floats) -> None:
        self._masks.assign(tf.cast(masks, self._masks.dtype))
        self._next.assign(0)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape
