"""The proof's work done once in NumPy, in float64: a third opinion, and masks that keep off ReLU's kink.

Where a hidden unit's input is zero but for rounding, two correct float32 computations may take different
sides of the kink, and one of them then lacks that sample's whole gradient. So the masks that a proof hands
to all frameworks drop, beside what dropout drops, every unit whose input comes that close to zero in the
step that they are for. Which ones these are follows from the recipe alone, so all workers find the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from harness.parity.reference import Doubles, Kept, Labels, Model, fresh, run, updated
from harness.work import recipe
from harness.work.recipe import Order
from harness.work.workload import USUAL_HIDDEN, AdamForm, Workload

# Inputs of a unit closer to zero than this drop it: far above what float32's rounding does to a unit's input
# over the steps of a proof.
CLEAR_OF_ZERO: Final = 1e-3

# Coarser formats need more room: so many times their unit roundoff for each layer, as inputs are of the order
# of 1.
_CLEAR_ROUNDOFFS: Final = 8

# What float32's rounding does to the input of a unit in a single step is well below this.
_LEAST_CLEAR: Final = 1e-5

_MASK_STREAM: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """What NumPy found: which units are kept in each step, and what training so comes to.

    `kept` has for each epoch and hidden layer (steps, rows, h). `losses` (parts,) and `states`, one a part,
    are in the order of `schedule`. Each state has an array a parameter, in the order of `Weights.named`.
    """

    kept: tuple[tuple[Kept, ...], ...]
    losses: tuple[float, ...]
    states: tuple[tuple[Doubles, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trained:
    """What one batch did: its samples and loss, the units that were kept, and the parameters after it."""

    samples: int
    loss: float
    kept: tuple[Kept, ...]
    parameters: tuple[Doubles, ...]


def clear_of_zero(workload: Workload, roundoff: float) -> float:
    """How close to zero a unit's input is dropped; `roundoff` is the format's, 0 for float32 and finer."""
    return max(CLEAR_OF_ZERO, _CLEAR_ROUNDOFFS * roundoff * len(workload.hidden))


def clear_in_a_step(workload: Workload, roundoff: float) -> float:
    """How close to zero the inputs of a sample's units may come in a step that starts from the same weights.

    Less where there are more units than usual: so that as many samples have none that comes closer.
    """
    share = min(1.0, sum(USUAL_HIDDEN) / sum(workload.hidden))
    return max(_LEAST_CLEAR, share * clear_of_zero(workload, roundoff))


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
    model = fresh(recipe.initial_weights(workload))
    clear = clear_of_zero(workload, roundoff)
    kept, parts = [], list[list[_Trained]]()
    for orders, epoch in schedule(workload):
        order, rng = np.concatenate(orders), _mask_stream(workload, epoch)
        data = [(inputs[one], labels[one]) for one in recipe.batches(order, workload.batch_size)]
        trained, model = _trained(workload, model, data, rng, clear)
        kept.append(
            tuple(np.stack(of_layer) for of_layer in zip(*(one.kept for one in trained), strict=True))
        )
        parts += [[one] for one in trained] if epoch == 0 else [trained]
    return Rehearsal(
        kept=tuple(kept),
        losses=tuple(map(_mean_loss, parts)),
        states=tuple(part[-1].parameters for part in parts),
    )


def _mean_loss(part: Sequence[_Trained]) -> float:
    """Over the samples of all its batches."""
    return float(np.average([one.loss for one in part], weights=[one.samples for one in part]))


def scaled(kept: Kept, rate: float) -> Doubles:
    """What dropout multiplies by where these units are kept: 0, or one over the keep rate."""
    return np.asarray(kept / (1 - rate), np.float64)


def _trained(
    workload: Workload,
    model: Model,
    batches: Sequence[tuple[Doubles, Labels]],
    rng: np.random.Generator,
    clear: float,
) -> tuple[list[_Trained], Model]:
    """What each batch of an epoch does, under masks of its own, and the model after them."""
    rate, rows = workload.dropout_rate, workload.batch_size
    trained = []
    for inputs, labels in batches:
        drawn = [rng.random((rows, units), np.float32) >= rate for units in workload.hidden]
        masks = [scaled(one, rate) for one in drawn]
        done = run(model.parameters, inputs, labels, masks, clear)
        # Its matched arithmetic puts epsilon there in every framework.
        model = updated(model, done.gradients, workload.adam, AdamForm.CORRECTED)
        for whole, used in zip(drawn, done.kept, strict=True):
            whole[: len(labels)] = used
        trained.append(
            _Trained(samples=len(labels), loss=done.loss, kept=tuple(drawn), parameters=model.parameters)
        )
    return trained, model


def _mask_stream(workload: Workload, epoch: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([workload.seed, _MASK_STREAM, epoch])))
