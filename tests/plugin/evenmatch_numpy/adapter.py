"""The work in NumPy: forward, backward and Adam by hand, one batch after the other."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from harness.errors import DeviceUnavailable
from harness.frameworks.base import ASKED_SAMPLES, Adapter, Counts, Data, Score
from harness.frameworks.witness import Fact, Moments, Witness
from harness.work import recipe
from harness.work.recipe import Floats, Order, Weights
from harness.work.workload import CLASSES, AdamForm, TrialSpec


def open_adapter(spec: TrialSpec) -> Adapter:
    return NumpyMlp(spec)


def probe(device: str) -> str:
    if device != "cpu":
        raise DeviceUnavailable(f"NumPy {np.__version__} computes on processors alone")
    return f"NumPy {np.__version__} on the CPU"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """All that training changes, copied."""

    parameters: list[Floats]
    first: list[Floats]
    second: list[Floats]
    steps: int
    random: Any


class NumpyMlp(Witness):
    """Modes `loop` and `eager`, which are the same here."""

    adam_form = AdamForm.CORRECTED

    def __init__(self, spec: TrialSpec) -> None:
        super().__init__(spec)
        self.dtype = recipe.dtype_of(self.workload.precision)

    def load(self, data: Data) -> None:
        self._data = data

    def build(self, weights: Weights) -> None:
        self._initial = weights
        self._train_step = self._step
        steps, rows = self.workload.steps_per_epoch, self.workload.batch_size
        self.put_masks([np.ones((steps, rows, units), self.dtype) for units in self.workload.hidden])
        self.reset()

    def reset(self) -> None:
        self._parameters = [one.copy() for one in self._initial.named().values()]
        self._first = [np.zeros_like(one) for one in self._parameters]
        self._second = [np.zeros_like(one) for one in self._parameters]
        self._steps = 0
        self._rng = np.random.default_rng(self.workload.seed)

    def begin_epoch(self, order: Order) -> None:
        self._batches = recipe.batches(order, self.workload.batch_size)
        self._steps_before, self._samples, self._loss_sum = self._steps, 0, 0.0

    def train_epoch(self) -> None:
        for batch in self._batches:
            self._train_step(batch)

    def _step(self, batch: Order) -> None:
        inputs, labels = self._data.train_inputs[batch], self._data.train_labels[batch]
        kernels, biases = self._parameters[::2], self._parameters[1::2]
        entered, kept = [inputs], []
        for kernel, bias, mask in zip(kernels[:-1], biases[:-1], self._masks(len(batch)), strict=True):
            before = entered[-1] @ kernel + bias
            kept.append(mask * (before > 0))
            entered.append(before * kept[-1])
        log_shares = _log_shares(entered[-1] @ kernels[-1] + biases[-1])
        truth = np.eye(CLASSES, dtype=self.dtype)[labels]
        by_outputs = (np.exp(log_shares) - truth) / len(batch)
        gradients: list[Floats] = []
        for layer in reversed(range(len(kernels))):
            gradients[:0] = entered[layer].T @ by_outputs, by_outputs.sum(axis=0)
            if layer:
                by_outputs = by_outputs @ kernels[layer].T * kept[layer - 1]
        self._update(gradients)
        self._loss_sum -= float((truth * log_shares).sum())
        self._samples += len(batch)

    def _update(self, gradients: list[Floats]) -> None:
        adam = self.workload.adam
        self._steps += 1
        rate = adam.learning_rate / (1 - adam.beta_1**self._steps)
        spread = math.sqrt(1 - adam.beta_2**self._steps)
        for parameter, first, second, gradient in zip(
            self._parameters, self._first, self._second, gradients, strict=True
        ):
            first[...] += (1 - adam.beta_1) * (gradient - first)
            second[...] += (1 - adam.beta_2) * (gradient**2 - second)
            parameter[...] -= rate * first / (np.sqrt(second) / spread + adam.epsilon)

    def _masks(self, rows: int) -> list[Floats]:
        if self.spec.matched:
            step = self._next_given % self.workload.steps_per_epoch
            self._next_given += 1
            return [masks[step, :rows] for masks in self._given]
        rate = self.workload.dropout_rate
        drawn = [self._rng.random((rows, units), np.float32) for units in self.workload.hidden]
        return [(one >= rate).astype(self.dtype) / (1 - rate) for one in drawn]

    def train_loss(self) -> float:
        return self._loss_sum / self._samples

    def trained(self) -> Counts:
        return Counts(steps=self._steps - self._steps_before, samples=self._samples)

    def evaluate(self, steps: int) -> None:
        size = self.workload.eval_batch_size
        self._evaluated = self._right = self._evaluation_steps = 0
        self._test_loss_sum = 0.0
        for number in range(steps):
            rows = slice(number * size, (number + 1) * size)
            labels = self._data.test_labels[rows]
            log_shares = _log_shares(self._forward(self._data.test_inputs[rows]))
            self._test_loss_sum -= float(log_shares[np.arange(len(labels)), labels].sum())
            self._right += int((log_shares.argmax(axis=1) == labels).sum())
            self._evaluated += len(labels)
            self._evaluation_steps += 1

    def _forward(self, inputs: Floats) -> Floats:
        *hidden, (output_kernel, output_bias) = zip(*[iter(self._parameters)] * 2, strict=True)
        for kernel, bias in hidden:
            inputs = np.maximum(inputs @ kernel + bias, 0)
        return inputs @ output_kernel + output_bias

    def evaluated(self) -> Counts:
        return Counts(steps=self._evaluation_steps, samples=self._evaluated)

    def score(self) -> Score:
        return Score(loss=self._test_loss_sum / self._evaluated, accuracy=self._right / self._evaluated)

    def begin_predictions(self, batch_size: int) -> int:
        whole = max(batch_size, ASKED_SAMPLES) // batch_size
        self._questions = np.split(self._data.test_inputs[: whole * batch_size], whole)
        return whole

    def predict(self, number: int) -> Floats:
        return self._forward(self._questions[number])

    def multiplying(self, square: Floats) -> Callable[[], object]:
        factor = square.astype(self.dtype)
        return partial(np.matmul, factor, factor, out=np.empty_like(factor))

    def copying(self, array: Floats) -> Callable[[], object]:
        return partial(np.copyto, np.empty_like(array), array)

    def synchronise(self) -> None:
        """NumPy returns when it has finished."""

    def places(self) -> dict[str, str]:
        return {"weights": "cpu", "optimiser state": "cpu", "logits": "cpu"}

    def weights(self) -> Weights:
        return Weights.of(map(np.copy, self._parameters))

    def effective(self) -> dict[str, str]:
        return {
            "version": np.__version__,
            "optimizer": "Adam (by hand)",
            "threads": str(_threads()),
            "device": "cpu",
            "precision": self._parameters[0].dtype.name,
        }

    # What it says under oath.

    def held_data(self) -> Data:
        return self._data

    def held_batches(self) -> list[Order]:
        return self._batches

    def trainable_shapes(self) -> list[tuple[int, ...]]:
        return [one.shape for one in self._parameters]

    def promised_execution(self) -> str:
        return "eager"

    def moments(self) -> Moments:
        first, second = (Weights.of(map(np.copy, kept)) for kept in (self._first, self._second))
        return Moments(first=first, second=second, steps=self._steps)

    def keep(self) -> State:
        parameters, first, second = (
            [one.copy() for one in kept] for kept in (self._parameters, self._first, self._second)
        )
        random = self._rng.bit_generator.state
        return State(parameters=parameters, first=first, second=second, steps=self._steps, random=random)

    def put_back(self, kept: State) -> None:
        for own, copies in (
            (self._parameters, kept.parameters),
            (self._first, kept.first),
            (self._second, kept.second),
        ):
            for array, copy in zip(own, copies, strict=True):
                array[...] = copy
        self._steps = kept.steps
        self._rng.bit_generator.state = kept.random

    def random_state(self) -> bytes:
        return repr(self._rng.bit_generator.state).encode()

    def next_masks(self, rows: int) -> list[Floats]:
        random = self._rng.bit_generator.state
        masks = self._masks(rows)
        self._rng.bit_generator.state = random
        return masks

    def logits(self) -> Floats:
        return self._forward(self._data.test_inputs)

    def dropped(self, ones: Sequence[Floats], *, training: bool) -> list[Floats]:
        if not training:
            return list(ones)
        # Layers of other widths may be asked for other numbers of rows.
        rows = max(map(len, ones))
        return [one * mask[: len(one)] for one, mask in zip(ones, self._masks(rows), strict=True)]

    def put_masks(self, masks: Sequence[Floats]) -> None:
        self._given, self._next_given = list(masks), 0

    def constants(self) -> dict[str, Fact]:
        adam = self.workload.adam
        return {
            "kind": "Adam",
            "learning_rate": adam.learning_rate,
            "beta_1": adam.beta_1,
            "beta_2": adam.beta_2,
            "epsilon": adam.epsilon,
            "weight_decay": 0.0,
            "amsgrad": False,
            "clipping": 0.0,
        }

    def settings(self) -> dict[str, Fact]:
        return {
            "execution": "eager",
            "update": "stock",
            "threads": _threads(),
            "interop_threads": 1,
            "device": "cpu",
            "precision": self._parameters[0].dtype.name,
            "compute": self._forward(self._data.test_inputs[:1]).dtype.name,
            "tf32": False,
            "loss_scale": 1.0,
            "loss_scale_growth_steps": 0,
        }


def _log_shares(logits: Floats) -> Floats:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def _threads() -> int:
    """What NumPy's library of linear algebra was told when it was loaded; NumPy does not read it back."""
    return int(os.environ["OMP_NUM_THREADS"])
