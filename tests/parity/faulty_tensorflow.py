"""TensorFlow's real adapter with one fault planted in it; see `faulty_torch.py`."""

from __future__ import annotations

import os

import keras

from harness.frameworks.tensorflow.adapter import probe
from harness.frameworks.tensorflow.mlp import TensorFlowMlp

__all__ = ["FAULTS", "open_adapter", "probe"]


class GradientTimesTheBatchSize(TensorFlowMlp):
    """Keras divides gradients by a loss scale; nothing here scaled the loss."""

    def _adam(self):
        adam = super()._adam()
        adam.loss_scale_factor = 1 / self.workload.batch_size
        return adam


class EpsilonInItsKerasPlace(TensorFlowMlp):
    def _adam(self):
        adam = self.workload.adam
        return keras.optimizers.Adam(adam.learning_rate, adam.beta_1, adam.beta_2, adam.epsilon)


class PartialBatchDropped(TensorFlowMlp):
    def begin_epoch(self, order):
        super().begin_epoch(order)
        self._batches = [batch for batch in self._batches if len(batch) == self.workload.batch_size]


class DropoutInEvaluation(TensorFlowMlp):
    def build(self, weights):
        super().build(weights)
        call = self.model.call
        self.model.call = lambda inputs, training=None, mask=None: call(inputs, training=True, mask=mask)


FAULTS = {
    "gradient times the batch size": GradientTimesTheBatchSize,
    "epsilon in Keras's place": EpsilonInItsKerasPlace,
    "partial batch dropped": PartialBatchDropped,
    "dropout in evaluation": DropoutInEvaluation,
}


def open_adapter(spec):
    return FAULTS[os.environ["EVENMATCH_FAULT"]](spec)
