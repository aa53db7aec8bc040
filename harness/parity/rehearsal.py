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

from harness.parity.reference import Doubles, Labels, Model, fresh, run, updated
from harness.work import recipe
from harness.work.recipe import Order
from harness.work.workload import AdamForm, Workload

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
    """What NumPy found: a mask (rows, h) for each epoch, and what training under them comes to.

    `losses` (parts,) and `states`, one a part, are in the order of `schedule`. Each state has an array a
    parameter, in the order of `Weights.named`.
    """

    masks: tuple[Doubles, ...]
    losses: tuple[float, ...]
    states: tuple[tuple[Doubles, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Margins:
    """How close to zero a unit's input is dropped, and how close none may stay."""

    clear_of_zero: float
    too_close: float

    @classmethod
    def of(cls, roundoff: float) -> Margins:
        """The margins for a format of this unit roundoff, 0 for float32 and finer ones."""
        return cls(
            clear_of_zero=max(CLEAR_OF_ZERO, _CLEAR_ROUNDOFFS * roundoff),
            too_close=max(TOO_CLOSE, _CLOSE_ROUNDOFFS * roundoff),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trained:
    """What one batch did: its samples and loss, and the model after it."""

    samples: int
    loss: float
    model: Model


def schedule(workload: Workload) -> list[tuple[list[Order], int]]:
    """What a proof hands to `begin_epoch`, part by part, and the epoch that each list of parts belongs to.

    The first epoch's batches one by one, the other epochs whole.
    """
    first, *others = (recipe.batch_order(workload, epoch) for epoch in range(workload.epochs))
    singly = recipe.batches(first, workload.batch_size)
    return [(singly, 0), *(([order], epoch) for epoch, order in enumerate(others, start=1))]


def rehearse(workload: Workload, inputs: Doubles, labels: Labels, roundoff: float = 0.0) -> Rehearsal:
    """Train on `inputs` (n, 784) and `labels` (n,) as a proof of this float64 workload does.

    `roundoff` is that of the coarsest format in which the masks will be used.
    """
    margins = Margins.of(roundoff)
    model = fresh(recipe.initial_weights(workload))
    masks = []
    parts: list[list[_Trained]] = []
    for orders, epoch in schedule(workload):
        batches = recipe.batches(np.concatenate(orders), workload.batch_size)
        data = [(inputs[one], labels[one]) for one in batches]
        mask, trained = _clear_mask(workload, epoch, model, data, margins)
        masks.append(mask)
        parts += [[one] for one in trained] if epoch == 0 else [trained]
        model = trained[-1].model
    return Rehearsal(
        masks=tuple(masks),
        losses=tuple(map(_mean_loss, parts)),
        states=tuple(part[-1].model.parameters for part in parts),
    )


def _mean_loss(part: Sequence[_Trained]) -> float:
    """Over the samples of all its batches."""
    return float(np.average([one.loss for one in part], weights=[one.samples for one in part]))


def drawn_mask(workload: Workload, epoch: int) -> Doubles:
    """Dropout as long as the largest batch, (rows, h): 0, or one over the keep rate."""
    seed = np.random.SeedSequence([workload.seed, _MASK_STREAM, epoch])
    shape = (workload.largest_batch, workload.hidden_units)
    kept = np.random.Generator(np.random.PCG64(seed)).random(shape) >= workload.dropout_rate
    return kept / (1 - workload.dropout_rate)


def _clear_mask(
    workload: Workload,
    epoch: int,
    model: Model,
    batches: Sequence[tuple[Doubles, Labels]],
    margins: Margins,
) -> tuple[Doubles, list[_Trained]]:
    """A mask under which no unit's input comes too close to zero in this epoch, and what each batch did."""
    mask = drawn_mask(workload, epoch)
    while True:
        now, trained, from_zero = model, [], np.full(mask.shape, np.inf)
        for inputs, labels in batches:
            done = run(now.parameters, inputs, labels, mask)
            # Its matched arithmetic puts epsilon there in every framework.
            now = updated(now, done.gradients, workload.adam, AdamForm.CORRECTED)
            trained.append(_Trained(samples=len(labels), loss=done.loss, model=now))
            rows = from_zero[: len(labels)]
            np.minimum(rows, done.from_zero, out=rows)
        kept = mask != 0
        if not (kept & (from_zero < margins.too_close)).any():
            return mask, trained
        mask = np.where(from_zero < margins.clear_of_zero, 0.0, mask)
