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


class GivenMask(keras.layers.Layer):
    """Dropout by a mask (rows, h) from outside, already divided by the keep rate."""

    def __init__(self, rows: int, units: int) -> None:
        super().__init__()
        # A plain variable: the model's weights stay the four that the recipe draws.
        self.mask = tf.Variable(tf.ones((rows, units), self.compute_dtype), trainable=False)

    def call(self, inputs: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        return inputs * self.mask[: tf.shape(inputs)[0]] if training else inputs

    def put(self, mask: Floats) -> None:
        self.mask.assign(tf.cast(mask, self.mask.dtype))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape
