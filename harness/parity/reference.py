"""The work done in NumPy, in float64: what every framework is held against.

One forward and backward pass by hand, and one step of Adam in either of the two forms that are in use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from harness.work.recipe import Inputs, Order, Weights
from harness.work.workload import CLASSES, Adam, AdamForm

Doubles = NDArray[np.float64]
Labels = NDArray[np.int64]
Kept = NDArray[np.bool_]

# Rows that a forward pass over a whole data set takes at once.
_CHUNK_ROWS: Final = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """Parameters and Adam's moments, each in the order of `Weights.named`, after `steps` steps."""

    parameters: tuple[Doubles, ...]
    first_moments: tuple[Doubles, ...]
    second_moments: tuple[Doubles, ...]
    steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """Mean loss of a batch, its gradients, and which units dropout kept, for each hidden layer (n, h)."""

    loss: float
    gradients: tuple[Doubles, ...]
    kept: tuple[Kept, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """A data set: `inputs` gives the rows (n, 784) of some samples in the timed precision; labels (n,)."""

    inputs: Callable[[Order], Inputs]
    labels: Labels


def arrays(weights: Weights) -> tuple[Doubles, ...]:
    """Parameters, or whatever there is one of for each, as float64."""
    return tuple(np.asarray(one, np.float64) for one in weights.named().values())


def fresh(weights: Weights) -> Model:
    """A model that has taken no step."""
    parameters = arrays(weights)
    zeros = tuple(np.zeros_like(one) for one in parameters)
    return Model(parameters=parameters, first_moments=zeros, second_moments=zeros, steps=0)


def run(
    parameters: Sequence[Doubles],
    inputs: Doubles,
    labels: Labels,
    masks: Sequence[Doubles],
    clear_of_zero: float = 0.0,
) -> Pass:
    """Forward and backward: softmax cross-entropy, its mean over the batch.

    Of the masks, (rows, h) for each hidden layer, the first rows count. Beside what they drop, units whose
    input is closer to zero than `clear_of_zero` are dropped.
    """
    *hidden, (output_kernel, output_bias) = _by_layer(parameters)
    entered, passed, kept = [inputs], [], []
    for (kernel, bias), drawn in zip(hidden, masks, strict=True):
        before, mask = entered[-1] @ kernel + bias, drawn[: len(inputs)]
        kept.append((mask != 0) & (np.abs(before) >= clear_of_zero))
        passed.append(mask * (kept[-1] & (before > 0)))
        entered.append(before * passed[-1])
    log_shares = _log_shares(entered[-1] @ output_kernel + output_bias)
    truth = np.eye(CLASSES)[labels]
    by_outputs = (np.exp(log_shares) - truth) / len(labels)
    gradients: list[Doubles] = []
    for layer in reversed(range(len(entered))):
        gradients[:0] = entered[layer].T @ by_outputs, by_outputs.sum(axis=0)
        if layer:
            by_outputs = by_outputs @ parameters[2 * layer].T * passed[layer - 1]
    return Pass(
        loss=float(-(truth * log_shares).sum(axis=1).mean()), gradients=tuple(gradients), kept=tuple(kept)
    )


def from_zero(parameters: Sequence[Doubles], inputs: Inputs, masks: Sequence[Doubles]) -> Doubles:
    """How far the input of each sample's closest unit is from ReLU's kink (n,), in the inputs' precision.

    Of the units that dropout keeps by these masks, (n, h) for each hidden layer.
    """
    befores = _befores(parameters, inputs, masks)
    kept = [np.where(mask == 0, np.inf, np.abs(one)) for one, mask in zip(befores, masks, strict=True)]
    nearest: Doubles = np.min([one.min(axis=1) for one in kept], axis=0)
    return nearest


def logits(parameters: Sequence[Doubles], samples: Samples) -> Doubles:
    """Outputs (n, 10) for all samples, without dropout; hidden units in the precision of the inputs."""
    everything = np.arange(len(samples.labels))
    parts = [everything[start : start + _CHUNK_ROWS] for start in range(0, len(everything), _CHUNK_ROWS)]
    output_kernel, output_bias = parameters[-2:]
    outputs = []
    for part in parts:
        *_, before = _befores(parameters, samples.inputs(part), repeat(None))
        outputs.append(np.maximum(before, 0).astype(np.float64) @ output_kernel + output_bias)
    return np.concatenate(outputs)


def loss_of(outputs: Doubles, labels: Labels) -> float:
    """Mean cross-entropy of outputs (n, 10)."""
    return float(-_log_shares(outputs)[np.arange(len(labels)), labels].mean())


def updated(model: Model, gradients: Sequence[Doubles], adam: Adam, form: AdamForm) -> Model:
    """The model after one step of Adam."""
    first = tuple(
        adam.beta_1 * moment + (1 - adam.beta_1) * one
        for moment, one in zip(model.first_moments, gradients, strict=True)
    )
    second = tuple(
        adam.beta_2 * moment + (1 - adam.beta_2) * one**2
        for moment, one in zip(model.second_moments, gradients, strict=True)
    )
    steps = model.steps + 1
    parameters = stepped(model.parameters, first, second, steps=steps, adam=adam, form=form)
    return Model(parameters=parameters, first_moments=first, second_moments=second, steps=steps)


def stepped(
    parameters: Sequence[Doubles],
    first: Sequence[Doubles],
    second: Sequence[Doubles],
    *,
    steps: int,
    adam: Adam,
    form: AdamForm,
) -> tuple[Doubles, ...]:
    """The parameters after the step that made these moments and is number `steps`, from 1."""
    spread = np.sqrt(1 - adam.beta_2**steps)
    epsilon = adam.epsilon * (spread if form is AdamForm.CORRECTED else 1.0)
    rate = adam.learning_rate * spread / (1 - adam.beta_1**steps)
    return tuple(
        parameter - rate * one / (np.sqrt(two) + epsilon)
        for parameter, one, two in zip(parameters, first, second, strict=True)
    )


def unfolded(before: tuple[Doubles, ...], after: tuple[Doubles, ...], beta: float) -> tuple[Doubles, ...]:
    """What went into a running mean: m' = beta m + (1 - beta) x.

    Of Adam's first moment it is the gradient: so the step itself is read, in every mode, rather than a second
    computation beside it.
    """
    return tuple((new - beta * old) / (1 - beta) for old, new in zip(before, after, strict=True))


def _by_layer(parameters: Sequence[Doubles]) -> list[tuple[Doubles, Doubles]]:
    """Kernel and bias of each layer, the last of which gives the outputs."""
    return list(zip(parameters[::2], parameters[1::2], strict=True))


def _befores(
    parameters: Sequence[Doubles], inputs: Inputs, masks: Iterable[Doubles | None]
) -> Iterator[NDArray[Any]]:
    """What each hidden layer's ReLU is given (n, h), in the inputs' precision; a mask of None drops nothing.

    Far closer than asked, in half the time.
    """
    entered: NDArray[Any] = inputs
    for (kernel, bias), mask in zip(_by_layer(parameters)[:-1], masks, strict=False):
        before = entered @ kernel.astype(inputs.dtype) + bias.astype(inputs.dtype)
        yield before
        entered = np.maximum(before, 0)
        if mask is not None:
            entered *= mask.astype(inputs.dtype)


def _log_shares(outputs: Doubles) -> Doubles:
    shifted = outputs - outputs.max(axis=1, keepdims=True)
    log_shares: Doubles = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return log_shares
