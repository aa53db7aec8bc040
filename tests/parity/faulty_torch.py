"""PyTorch's real adapter with one fault planted in it.

For the command line: `EVENMATCH_ADAPTER_PYTORCH=tests.parity.faulty_torch EVENMATCH_FAULT="..."`. A fault
"in timed trials" is absent from the proof's matched arithmetic, so that only what is asked of the timed
adapter itself can catch it.
"""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from harness.frameworks.pytorch.adapter import probe
from harness.frameworks.pytorch.mlp import TorchMlp
from harness.work.recipe import Weights
from harness.work.workload import PIXEL_MEAN, PIXEL_STD, Precision

__all__ = ["FAULTS", "open_adapter", "probe"]


def with_first_kernel(weights, change):
    first, *others = weights.layers
    return Weights((replace(first, kernel=change(first.kernel)), *others))


class BatchesShifted(TorchMlp):
    def begin_epoch(self, order):
        super().begin_epoch(np.roll(order, self.workload.batch_size))


class SamplesShifted(TorchMlp):
    def begin_epoch(self, order):
        super().begin_epoch(np.roll(order, 1))


class OrderShiftedInTimedTrials(TorchMlp):
    def begin_epoch(self, order):
        super().begin_epoch(order if self.spec.matched else np.roll(order, 1))


class NotNormalised(TorchMlp):
    def load(self, data):
        def undone(inputs):
            return inputs * inputs.dtype.type(PIXEL_STD) + inputs.dtype.type(PIXEL_MEAN)

        super().load(
            replace(data, train_inputs=undone(data.train_inputs), test_inputs=undone(data.test_inputs))
        )


class OneImageDamaged(TorchMlp):
    def load(self, data):
        if not self.spec.matched:
            inputs = data.train_inputs.copy()
            inputs[-1, 400] += 1
            data = replace(data, train_inputs=inputs)
        super().load(data)


class LabelsOfOneClassSwapped(TorchMlp):
    def load(self, data):
        labels = data.train_labels.copy()
        labels[data.train_labels == 3] = 8
        super().load(replace(data, train_labels=labels))


class OneTestImageMissing(TorchMlp):
    def load(self, data):
        super().load(replace(data, test_inputs=data.test_inputs[:-1], test_labels=data.test_labels[:-1]))


class PartialBatchDropped(TorchMlp):
    def train_epoch(self):
        self._batches = [batch for batch in self._batches if len(batch) == self.workload.batch_size]
        super().train_epoch()


class PartialBatchDroppedInTimedTrials(TorchMlp):
    def train_epoch(self):
        if not self.spec.matched:
            self._batches = [batch for batch in self._batches if len(batch) == self.workload.batch_size]
        super().train_epoch()


class Beta2Of099(TorchMlp):
    def _adam(self):
        adam = super()._adam()
        adam.param_groups[0]["betas"] = (self.workload.adam.beta_1, 0.99)
        return adam


class EpsilonOf1e8(TorchMlp):
    def _adam(self):
        adam = super()._adam()
        adam.param_groups[0]["eps"] = 1e-8
        return adam


class WeightDecayOf1e4(TorchMlp):
    def _adam(self):
        adam = super()._adam()
        adam.param_groups[0]["weight_decay"] = 1e-4
        return adam


class StockAdam(TorchMlp):
    def _adam(self):
        adam = super()._adam()
        adam.param_groups[0] |= {"fused": None, "foreach": None}
        return adam


class LearningRateOff(TorchMlp):
    def _adam(self):
        adam = super()._adam()
        adam.param_groups[0]["lr"] *= 1.01
        return adam


class LearningRateOffInTimedTrials(TorchMlp):
    def _adam(self):
        adam = super()._adam()
        if not self.spec.matched:
            adam.param_groups[0]["lr"] *= 1.01
        return adam


class GradientClipped(TorchMlp):
    def build(self, weights):
        super().build(weights)
        step = self._update

        def clipped():
            nn.utils.clip_grad_norm_(self.model.parameters(), 0.1)
            step()

        self._update = clipped


class GradientClippedInTimedTrials(GradientClipped):
    def build(self, weights):
        TorchMlp.build(self, weights) if self.spec.matched else super().build(weights)


class LaterBatchesLearnLess(TorchMlp):
    """All but the first two batches of a call at a tenth of the rate, in timed trials: no step shows it."""

    def train_epoch(self):
        self.model.train()
        for number, batch in enumerate(self._batches):
            if number > 1 and not self.spec.matched:
                self.optimizer.param_groups[0]["lr"] = self.workload.adam.learning_rate / 10
            self._train_step(batch)
            self.optimizer.param_groups[0]["lr"] = self.workload.adam.learning_rate


class BiasFrozen(TorchMlp):
    def _network(self):
        network = super()._network()
        network[-1].bias.requires_grad_(requires_grad=False)
        return network


class BiasFrozenInTimedTrials(TorchMlp):
    def _network(self):
        network = super()._network()
        network[-1].bias.requires_grad_(requires_grad=self.spec.matched)
        return network


class LossSummed(TorchMlp):
    def _cross_entropy(self, inputs, labels):
        return functional.cross_entropy(self.model(inputs), labels, reduction="sum")


class GradientSummedLossMean(TorchMlp):
    """The loss that is reported is right."""

    def _cross_entropy(self, inputs, labels):
        loss = super()._cross_entropy(inputs, labels)
        return loss.detach() + len(labels) * (loss - loss.detach())


class GradientTimesTheBatchSize(TorchMlp):
    def _cross_entropy(self, inputs, labels):
        loss = super()._cross_entropy(inputs, labels)
        return loss.detach() + self.workload.batch_size * (loss - loss.detach())


class Transposed(TorchMlp):
    """Reshaped where it should be transposed: every number is there, in the wrong place."""

    def build(self, weights):
        super().build(with_first_kernel(weights, lambda one: one.reshape(one.shape[::-1]).T.copy()))


class HeInitialiser(TorchMlp):
    def build(self, weights):
        def he(kernel):
            limit, glorot = np.sqrt(6 / kernel.shape[0]), np.sqrt(6 / sum(kernel.shape))
            return kernel * kernel.dtype.type(limit / glorot)

        super().build(with_first_kernel(weights, he))


class HiddenUnitsPermutedInTimedTrials(TorchMlp):
    """The same function of its inputs, from other weights."""

    def build(self, weights):
        if not self.spec.matched:
            hidden, after, *others = weights.layers
            hidden = replace(hidden, kernel=hidden.kernel[:, ::-1].copy(), bias=hidden.bias[::-1].copy())
            weights = Weights((hidden, replace(after, kernel=after.kernel[::-1].copy()), *others))
        super().build(weights)


class OptimiserNotReset(TorchMlp):
    """What warming up left in Adam's state stays there."""

    def reset(self):
        kept = {one: {k: v.clone() for k, v in state.items()} for one, state in self.optimizer.state.items()}
        super().reset()
        for one, state in kept.items():
            for name, value in state.items():
                self.optimizer.state[one][name].copy_(value)


class DropoutInEvaluation(TorchMlp):
    def build(self, weights):
        super().build(weights)
        self.model.eval = self.model.train


class DropoutRateOf025(TorchMlp):
    def _dropout(self, units):
        return super()._dropout(units) if self.spec.matched else nn.Dropout(0.25)


class Unscaled(nn.Dropout):
    def forward(self, inputs):
        return super().forward(inputs) * (1 - self.p) if self.training else inputs


class DropoutUnscaled(TorchMlp):
    def _dropout(self, units):
        return super()._dropout(units) if self.spec.matched else Unscaled(self.workload.dropout_rate)


class SameMask(nn.Dropout):
    def forward(self, inputs):
        if not self.training:
            return inputs
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return super().forward(inputs)


class DropoutMaskRepeated(TorchMlp):
    def _dropout(self, units):
        return super()._dropout(units) if self.spec.matched else SameMask(self.workload.dropout_rate)


class Float32InFloat64(TorchMlp):
    def _cross_entropy(self, inputs, labels):
        return functional.cross_entropy(self.model(inputs).float(), labels).to(self.dtype)


class Bfloat16InFloat32(TorchMlp):
    def _cross_entropy(self, inputs, labels):
        wanted = self.workload.precision is Precision.FP32
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=wanted):
            return super()._cross_entropy(inputs, labels)


class OneThreadMore(TorchMlp):
    def __init__(self, spec):
        super().__init__(spec)
        torch.set_num_threads(spec.threads + 1)


class GradientsLeftScaled(TorchMlp):
    """Adam all but forgives it: it divides by the gradients' size."""

    def build(self, weights):
        super().build(weights)
        self._update = self.optimizer.step


class NotScaled(TorchMlp):
    def build(self, weights):
        super().build(weights)
        self.precision.scaler = None
        self._update = self.optimizer.step


class LossHalfAsLargeAgain(TorchMlp):
    """Where there is autocast, so that float64 shows nothing."""

    def _cross_entropy(self, inputs, labels):
        loss = super()._cross_entropy(inputs, labels)
        return loss * 1.5 if self.precision.compute is torch.bfloat16 else loss


class AnotherNarrowType(TorchMlp):
    def build(self, weights):
        if self.precision.compute is torch.bfloat16:
            self.precision.compute = torch.float16
        super().build(weights)


class SecondActivationLeftOutInTimedTrials(TorchMlp):
    def _layers(self):
        layers = super()._layers()
        if not self.spec.matched:
            second = [place for place, one in enumerate(layers) if isinstance(one, nn.ReLU)][1]
            layers[second] = nn.Identity()
        return layers


class SecondDropoutLeftOutInTimedTrials(TorchMlp):
    def _layers(self):
        layers = super()._layers()
        if not self.spec.matched:
            second = [place for place, one in enumerate(layers) if isinstance(one, nn.Dropout)][1]
            layers[second] = nn.Dropout(0.0)
        return layers


class DrawnOnce(nn.Dropout):
    """Two layers that share `states` drop the same units in a step."""

    def __init__(self, rate, states):
        super().__init__(rate)
        self.states = states

    def forward(self, inputs):
        if self.training and self.states:
            torch.set_rng_state(self.states.pop())
        elif self.training:
            self.states.append(torch.get_rng_state())
        return super().forward(inputs)


class BothLayersDropTheSame(TorchMlp):
    def _layers(self):
        self._states = []
        return super()._layers()

    def _dropout(self, units):
        matched = self.spec.matched
        return super()._dropout(units) if matched else DrawnOnce(self.workload.dropout_rate, self._states)


FAULTS = {
    "batch order shifted by one batch": BatchesShifted,
    "batch order shifted by one sample": SamplesShifted,
    "batch order shifted in timed trials": OrderShiftedInTimedTrials,
    "missing normalisation": NotNormalised,
    "one training image damaged": OneImageDamaged,
    "labels of one class swapped": LabelsOfOneClassSwapped,
    "one test image missing": OneTestImageMissing,
    "partial batch dropped": PartialBatchDropped,
    "partial batch dropped in timed trials": PartialBatchDroppedInTimedTrials,
    "beta2 0.99": Beta2Of099,
    "epsilon 1e-8": EpsilonOf1e8,
    "weight decay 1e-4": WeightDecayOf1e4,
    "learning rate 1 % off": LearningRateOff,
    "learning rate 1 % off in timed trials": LearningRateOffInTimedTrials,
    "gradient clipped": GradientClipped,
    "gradient clipped in timed trials": GradientClippedInTimedTrials,
    "later batches of a call learn less": LaterBatchesLearnLess,
    "bias frozen": BiasFrozen,
    "bias frozen in timed trials": BiasFrozenInTimedTrials,
    "loss summed": LossSummed,
    "gradient summed, loss reported as mean": GradientSummedLossMean,
    "gradient times the batch size": GradientTimesTheBatchSize,
    "weight matrix transposed wrongly": Transposed,
    "another initialiser": HeInitialiser,
    "hidden units permuted in timed trials": HiddenUnitsPermutedInTimedTrials,
    "optimiser not reset after warm-up": OptimiserNotReset,
    "dropout in evaluation": DropoutInEvaluation,
    "dropout rate 0.25": DropoutRateOf025,
    "dropout without scaling": DropoutUnscaled,
    "dropout mask repeated": DropoutMaskRepeated,
    "float32 in float64": Float32InFloat64,
    "bfloat16 in float32": Bfloat16InFloat32,
    "another thread count": OneThreadMore,
}

# By the precision of the case in which they are proven.
NARROW_FAULTS = {
    Precision.BF16: {
        "loss half as large again": LossHalfAsLargeAgain,
        "float16 in bfloat16": AnotherNarrowType,
    },
    Precision.FP16: {"gradients left scaled": GradientsLeftScaled, "loss not scaled": NotScaled},
}

# In a network of two hidden layers.
DEEP_FAULTS = {
    "second activation left out in timed trials": SecondActivationLeftOutInTimedTrials,
    "second dropout left out in timed trials": SecondDropoutLeftOutInTimedTrials,
    "both layers drop the same": BothLayersDropTheSame,
}

# In a case that asks for another implementation of Adam than the stock one.
WAY_FAULTS = {"stock Adam": StockAdam}


def open_adapter(spec):
    return (FAULTS | DEEP_FAULTS | WAY_FAULTS)[os.environ["EVENMATCH_FAULT"]](spec)
