"""Several workers in TensorFlow: `MultiWorkerMirroredStrategy` around the step of mode `loop`.

Keras's optimiser adds the workers' gradients up by the strategy's own all-reduce before it steps. So each
takes the sum of its share's losses over the whole batch's size: their sum is the gradient of the batch's
mean, also where the shares are not equally large.
"""

from __future__ import annotations

import json
import os
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cache
from typing import Any

import keras
import tensorflow as tf

from harness.frameworks.tensorflow.mlp import TensorFlowMlp
from harness.frameworks.witness import Fact
from harness.work import recipe
from harness.work.recipe import Order, Weights, dropout_seeds
from harness.work.workload import TrialSpec


class TensorFlowDistributed(TensorFlowMlp):
    """Mode `loop` of one of several workers: the same steps, on its share of each batch."""

    def __init__(self, spec: TrialSpec) -> None:
        super().__init__(spec)
        self._workers = spec.case.workers
        self._strategy = _joined(spec.addresses, spec.rank)

    def build(self, weights: Weights) -> None:
        super().build(weights)
        # The strategy gives all workers the first one's values of all variables, and with them its seeds.
        for layer, seed in zip(self._dropout_layers(), self._seeds(), strict=False):
            layer.seed_generator.state.assign(keras.random.SeedGenerator(seed).state.numpy())
        self._initial = [(one, one.numpy()) for one, _ in self._initial]
        self._losses = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=None)
        self._train_together = self._in_mode(
            lambda batch, share: self._strategy.run(self._step_together, args=(batch, share))
        )

    def begin_epoch(self, order: Order) -> None:
        super().begin_epoch(order)
        whole = recipe.batches(order, self.workload.batch_size)
        with tf.device(self.device):
            self._batches = [
                tf.constant(recipe.share(batch, self.spec.rank, self._workers)) for batch in whole
            ]
            # What a worker's sum of losses is taken times, by the batch.
            self._of_batch = [tf.constant(1 / len(batch), self.dtype) for batch in whole]

    def train_epoch(self) -> None:
        with tf.device(self.device):
            for batch, share in zip(self._batches, self._of_batch, strict=True):
                self._train_together(batch, share)
                self._samples += batch.shape[0]

    def train_loss(self) -> float:
        # Of a batch with fewer samples than workers some have none.
        return super().train_loss() if self._samples else 0.0

    def settings(self) -> dict[str, Fact]:
        return super().settings() | {"workers": self._strategy.num_replicas_in_sync}

    def effective(self) -> dict[str, str]:
        return super().effective() | {
            "workers": str(self._strategy.num_replicas_in_sync),
            "backend": "RING over gRPC",
        }

    def _scope(self) -> AbstractContextManager[Any]:
        scope: AbstractContextManager[Any] = self._strategy.scope()
        return scope

    def _seeds(self) -> tuple[int, ...]:
        seed = recipe.seed_of(self.workload, self.spec.rank)
        return dropout_seeds(replace(self.workload, seed=seed))

    def _step_together(self, batch: tf.Tensor, share: tf.Tensor) -> None:
        inputs = tf.gather(self._train_inputs, batch)
        labels = tf.gather(self._train_labels, batch)
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(self._losses(labels, self.model(inputs, training=True)))
            scaled = loss * share
        variables = self.model.trainable_variables
        self.optimizer.apply(tape.gradient(scaled, variables), variables)
        self._loss_sum.assign_add(loss)

    def _step_kind(self) -> str:
        return "tf.function (MultiWorkerMirroredStrategy)"


@cache
def _joined(addresses: tuple[str, ...], rank: int) -> tf.distribute.Strategy:
    """Meet the other workers where each of them listens; once in a process."""
    cluster = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": rank}}
    os.environ["TF_CONFIG"] = json.dumps(cluster)
    options = tf.distribute.experimental.CommunicationOptions(
        implementation=tf.distribute.experimental.CommunicationImplementation.RING
    )
    return tf.distribute.MultiWorkerMirroredStrategy(communication_options=options)
