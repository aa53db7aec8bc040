"""What people type in TensorFlow: a Keras `Sequential`, `compile`, `fit` and `evaluate` on NumPy arrays.

The input pipeline is on the clock here, the epoch's permutation included. Only the batch order is
not left to chance: `fit` gets the samples in the recipe's order where `shuffle=True` would draw its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from harness.frameworks.base import Counts, Data, Score
from harness.frameworks.tensorflow.mlp import TensorFlowMlp, whole_batches
from harness.frameworks.tensorflow.record import FIT_BY_XLA
from harness.frameworks.witness import Fact
from harness.work.recipe import Floats, Order, Weights, batches
from harness.work.workload import CLASSES


class TensorFlowIdiomatic(TensorFlowMlp):
    """Mode `idiomatic`."""

    def load(self, data: Data) -> None:
        self._images = data.train_inputs.reshape(-1, 28, 28)
        self._labels = data.train_labels
        self._test_images = data.test_inputs.reshape(-1, 28, 28)
        self._test_labels = data.test_labels

    def build(self, weights: Weights) -> None:
        super().build(weights)
        self.model.compile(
            optimizer=self.optimizer,
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
        self._judged = self.model

    def begin_epoch(self, order: Order) -> None:
        self._order = order
        self._steps_before = int(self.optimizer.iterations.numpy())

    def train_epoch(self) -> None:
        self._history = self.model.fit(
            self._images[self._order],
            self._labels[self._order],
            batch_size=self.workload.batch_size,
            epochs=1,
            shuffle=False,
            verbose=0,
        )

    def train_loss(self) -> float:
        return float(self._history.history["loss"][0])

    def trained(self) -> Counts:
        # `fit` weighs each batch's loss by its samples; its mean keeps the sum of these weights.
        (mean_loss,) = (metric for metric in self.model.metrics if metric.name == "loss")
        return Counts(
            steps=int(self.optimizer.iterations.numpy()) - self._steps_before,
            samples=int(mean_loss.count.numpy()),
        )

    def evaluate(self, steps: int) -> None:
        samples = steps * self.workload.eval_batch_size
        self._score = self.model.evaluate(
            self._test_images[:samples],
            self._test_labels[:samples],
            batch_size=self.workload.eval_batch_size,
            verbose=0,
        )

    def evaluated(self) -> Counts:
        # As in training, the loss's mean keeps the sum of the batches' weights, which are their samples.
        (mean_loss,) = (metric for metric in self._judged.metrics if metric.name == "loss")
        samples = int(mean_loss.count.numpy())
        return Counts(steps=-(-samples // self.workload.eval_batch_size), samples=samples)

    def score(self) -> Score:
        loss, accuracy = self._score
        return Score(loss=float(loss), accuracy=float(accuracy))

    def begin_predictions(self, batch_size: int) -> int:
        self._questions = whole_batches(self._test_images, batch_size)
        return len(self._questions)

    def predict(self, number: int) -> Floats:
        logits: Floats = self.model.predict_on_batch(self._questions[number])
        return logits

    def held_data(self) -> Data:
        return Data(
            train_inputs=self._images.reshape(len(self._images), -1),
            train_labels=self._labels,
            test_inputs=self._test_images.reshape(len(self._test_images), -1),
            test_labels=self._test_labels,
            root=self.spec.data_root,
        )

    def held_batches(self) -> list[Order]:
        return batches(self._order, self.workload.batch_size)

    def logits(self) -> Floats:
        size = self.workload.eval_batch_size
        logits = self.model.predict(self._test_images, batch_size=size, verbose=0)
        return np.asarray(logits, self.dtype.as_numpy_dtype)

    def _network(self) -> keras.Model:
        inputs = (keras.Input((28, 28)), keras.layers.Flatten())
        return keras.Sequential([*inputs, *self._hidden_layers(), keras.layers.Dense(CLASSES)])

    def promised_execution(self) -> str:
        # By itself Keras has XLA compile what `fit` runs where it sees a GPU.
        return "traced" if self.spec.case.device == "cpu" else "compiled"

    def settings(self) -> dict[str, Fact]:
        at_once = int(self.model.steps_per_execution)
        return super().settings() | ({} if at_once == 1 else {"execution": f"{at_once} steps at once"})

    def _in_mode(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """As `fit` runs it: only what stands beside the model is traced by this."""
        compiled = self.promised_execution() == "compiled"
        traced: Callable[..., Any] = tf.function(function, jit_compile=compiled)
        return traced

    def _step_kind(self) -> str:
        compiled = bool(self.model.jit_compile)
        return FIT_BY_XLA if compiled else "fit (tf.function)"
