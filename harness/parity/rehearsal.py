"""The proof's work done once in NumPy, in float64: a third opinion, and masks that keep off ReLU's kink.

Where a hidden unit's input is zero but for rounding, two correct float32 computations may take different
sides of the kink, and one of them then lacks that sample's whole gradient. So the masks that a proof hands
to both frameworks drop, beside what dropout drops, every unit whose input comes that close to zero. Which
ones these are follows from the recipe alone, so both workers find the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from harness.work import recipe
from harness.work.workload import CLASSES, Adam, Workload

Doubles = NDArray[np.float64]

# Inputs of a unit closer to zero than CLEAR_OF_ZERO drop it. That changes the steps after it a little,
# so it is done again until none is closer than TOO_CLOSE, which is still far above float32's rounding.
CLEAR_OF_ZERO: Final = 1e-3
TOO_CLOSE: Final = 1e-4

# Coarser formats need more room: so many times their unit roundoff, as inputs are of the order of 1.
_CLEAR_ROUNDOFFS: Final = 8
_CLOSE_ROUNDOFFS: Final = 2

_MASK_STREAM: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """What NumPy found: a mask (rows, h) for each epoch, and the first step's mean loss and gradient.

    `first_gradient` (10,) is that of the output bias.
    """

    masks: tuple[Doubles, ...]
    first_loss: float
    first_gradient: Doubles


@dataclass(frozen=True, slots=True, kw_only=True)
class _Margins:
    """How close to zero a unit's input is dropped, and how close none may stay."""

    clear_of_zero: float
    too_close: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Model:
    """Parameters and Adam's moments, in the order of `Weights.named`, after `steps` steps."""

    parameters: tuple[Doubles, ...]
    first_moments: tuple[Doubles, ...]
    second_moments: tuple[Doubles, ...]
    steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pass:
    """Mean loss of a batch, its gradients, and how far each unit's input was from zero (n, h)."""

    loss: float
    gradients: tuple[Doubles, ...]
    from_zero: Doubles


def rehearse(
    workload: Workload, inputs: Doubles, labels: NDArray[np.int64], roundoff: float = 0.0
) -> Rehearsal:
    """Train on `inputs` (n, 784) and `labels` (n,) as a proof of this float64 workload does.

    `roundoff` is that of the coarsest format in which the masks will be used.
    """
    margins = _Margins(
        clear_of_zero=max(CLEAR_OF_ZERO, _CLEAR_ROUNDOFFS * roundoff),
        too_close=max(TOO_CLOSE, _CLOSE_ROUNDOFFS * roundoff),
    )
    initial = tuple(np.asarray(one, np.float64) for one in recipe.initial_weights(workload).named().values())
    zeros = tuple(np.zeros_like(one) for one in initial)
    start = model = _Model(parameters=initial, first_moments=zeros, second_moments=zeros, steps=0)
    masks = []
    for epoch in range(workload.epochs):
        batches = recipe.batches(recipe.batch_order(workload, epoch), workload.batch_size)
        data = [(inputs[one], labels[one]) for one in batches]
        mask, model = _clear_mask(workload, epoch, model, data, margins)
        masks.append(mask)
    batch = recipe.batches(recipe.batch_order(workload, 0), workload.batch_size)[0]
    first = _run(start, inputs[batch], labels[batch], masks[0])
    return Rehearsal(masks=tuple(masks), first_loss=first.loss, first_gradient=first.gradients[-1])


def drawn_mask(workload: Workload, epoch: int) -> Doubles:
    """Dropout as long as the largest batch, (rows, h): 0, or one over the keep rate."""
    seed = np.random.SeedSequence([workload.seed, _MASK_STREAM, epoch])
    shape = (workload.largest_batch, workload.hidden_units)
    kept = np.random.Generator(np.random.PCG64(seed)).random(shape) >= workload.dropout_rate
    return kept / (1 - workload.dropout_rate)


def _clear_mask(
    workload: Workload,
    epoch: int,
    model: _Model,
    batches: Sequence[tuple[Doubles, NDArray[np.int64]]],
    margins: _Margins,
) -> tuple[Doubles, _Model]:
    """A mask under which no unit's input comes too close to zero in this epoch, and the model after it."""
    mask = drawn_mask(workload, epoch)
    while True:
        trained, from_zero = model, np.full(mask.shape, np.inf)
        for inputs, labels in batches:
            done = _run(trained, inputs, labels, mask)
            trained = _updated(trained, done.gradients, workload.adam)
            rows = from_zero[: len(labels)]
            np.minimum(rows, done.from_zero, out=rows)
        kept = mask != 0
        if not (kept & (from_zero < margins.too_close)).any():
            return mask, trained
        mask = np.where(from_zero < margins.clear_of_zero, 0.0, mask)


def _run(model: _Model, inputs: Doubles, labels: NDArray[np.int64], mask: Doubles) -> _Pass:
    """Forward and backward by hand: softmax cross-entropy, its mean over the batch."""
    hidden_kernel, hidden_bias, output_kernel, output_bias = model.parameters
    before = inputs @ hidden_kernel + hidden_bias
    kept = mask[: len(inputs)] * (before > 0)
    hidden = before * kept
    logits = hidden @ output_kernel + output_bias
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_shares = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    truth = np.eye(CLASSES)[labels]
    by_logits = (np.exp(log_shares) - truth) / len(labels)
    by_before = by_logits @ output_kernel.T * kept
    return _Pass(
        loss=float(-(truth * log_shares).sum(axis=1).mean()),
        gradients=(
            inputs.T @ by_before,
            by_before.sum(axis=0),
            hidden.T @ by_logits,
            by_logits.sum(axis=0),
        ),
        from_zero=np.abs(before),
    )


def _updated(model: _Model, gradients: tuple[Doubles, ...], adam: Adam) -> _Model:
    """One step of Adam with its epsilon as in Kingma & Ba 2015, algorithm 1, which is PyTorch's place."""
    steps = model.steps + 1
    first = tuple(
        adam.beta_1 * moment + (1 - adam.beta_1) * one
        for moment, one in zip(model.first_moments, gradients, strict=True)
    )
    second = tuple(
        adam.beta_2 * moment + (1 - adam.beta_2) * one**2
        for moment, one in zip(model.second_moments, gradients, strict=True)
    )
    rate = adam.learning_rate / (1 - adam.beta_1**steps)
    spread = 1 - adam.beta_2**steps
    parameters = tuple(
        parameter - rate * one / (np.sqrt(two / spread) + adam.epsilon)
        for parameter, one, two in zip(model.parameters, first, second, strict=True)
    )
    return _Model(parameters=parameters, first_moments=first, second_moments=second, steps=steps)
