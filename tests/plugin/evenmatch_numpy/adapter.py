"""The work in NumPy: forward, backward and Adam by hand, one batch after the other."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
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
        self._given = np.ones((self.workload.largest_batch, self.workload.hidden_units), self.dtype)
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
        hidden_kernel, hidden_bias, output_kernel, output_bias = self._parameters
        before = inputs @ hidden_kernel + hidden_bias
        kept = self._mask(len(batch)) * (before > 0)
        hidden = before * kept
        log_shares = _log_shares(hidden @ output_kernel + output_bias)
        truth = np.eye(CLASSES, dtype=self.dtype)[labels]
        by_logits = (np.exp(log_shares) - truth) / len(batch)
        by_before = by_logits @ output_kernel.T * kept
        self._update(
            [inputs.T @ by_before, by_before.sum(axis=0), hidden.T @ by_logits, by_logits.sum(axis=0)]
        )
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

    def _mask(self, rows: int) -> Floats:
        if self.spec.matched:
            return self._given[:rows]
        rate, shape = self.workload.dropout_rate, (rows, self.workload.hidden_units)
        return (self._rng.random(shape, np.float32) >= rate).astype(self.dtype) / (1 - rate)

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
        hidden_kernel, hidden_bias, output_kernel, output_bias = self._parameters
        return np.maximum(inputs @ hidden_kernel + hidden_bias, 0) @ output_kernel + output_bias

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

    def synchronise(self) -> None:
        """NumPy returns when it has finished."""

    def places(self) -> dict[str, str]:
        return {"weights": "cpu", "optimiser state": "cpu", "logits": "cpu"}

    def weights(self) -> Weights:
        return Weights(**dict(zip(self._initial.named(), map(np.copy, self._parameters), strict=True)))

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
        first, second = (
            Weights(**dict(zip(self._initial.named(), map(np.copy, kept), strict=True)))
            for kept in (self._first, self._second)
        )
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

    def next_mask(self, rows: int) -> Floats:
        random = self._rng.bit_generator.state
        mask = self._mask(rows)
        self._rng.bit_generator.state = random
        return mask

    def logits(self) -> Floats:
        return self._forward(self._data.test_inputs)

    def dropped(self, ones: Floats, *, training: bool) -> Floats:
        return ones * self._mask(len(ones)) if training else ones

    def put_mask(self, mask: Floats) -> None:
        self._given = mask

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
