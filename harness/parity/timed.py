"""The timed program itself is held against NumPy: its own Adam, its own dropout, its own batches.

Works on the object that is timed, at whatever state it has reached, and puts that state back. Two things
are asked of it:

*Steps.* What its dropout layer will draw next is drawn once, by the layer itself, and the random state put
back; then the step is made. With the mask known, NumPy has every number of it: loss, gradients (out of
Adam's first moment), second moments, and the weights after the framework's own form of Adam. A step that
drops elsewhere, trains on fewer rows, or changes its rule, differs; so do steps that all drop the same.

*A whole and its parts.* From the state that a call over many batches began with, calls over parts of them,
cut where it cannot foresee, have to lead to the same weights. A batch that is left out, done twice, done on
less or in another order, for its place in the call, then has another place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np

from harness.frameworks.base import Score
from harness.frameworks.witness import Moments, Witness
from harness.parity.bounds import ROUNDOFF
from harness.parity.evidence import Evidence
from harness.parity.reference import (
    Doubles,
    Samples,
    arrays,
    from_zero,
    logits,
    loss_of,
    run,
    stepped,
    unfolded,
)
from harness.parity.rehearsal import Margins
from harness.work import recipe
from harness.work.recipe import Floats, Order
from harness.work.workload import Adam, Workload

STEP: Final = "timed step"
WHOLE: Final = "whole and parts"
EVALUATION: Final = "timed evaluation"
PREDICTION: Final = "timed prediction"

# Into so many parts a call over many batches is cut.
_PARTS: Final = 3

# At least so many samples are looked at in one go for such as keep off ReLU's kink.
_LOOKED_AT: Final = 64


def prove_steps(
    evidence: Evidence, witness: Witness, samples: Samples, steps: int, rng: np.random.Generator
) -> None:
    """From the state as it is: so many batches, a call each, the last of several a partial one as epochs end.

    Afterwards the state is as it was.
    """
    kept, work = witness.keep(), witness.workload
    sizes = [work.batch_size] * steps
    if steps > 1 and partial_size(work):
        sizes[-1] = partial_size(work)
    _steps(evidence, witness, samples, sizes, rng)
    witness.put_back(kept)


def prove_whole(
    evidence: Evidence, witness: Witness, before: Any, order: Order, rng: np.random.Generator
) -> None:
    """The call over `order` (n,) that has just been made from the state `before`, against calls over parts.

    Afterwards the state is as it was.
    """
    after, whole = witness.keep(), arrays(witness.weights())
    loss, counted = witness.train_loss(), witness.trained()
    witness.put_back(before)
    parts = _cut(order, witness.workload.batch_size, rng)
    losses = [trained(witness, part) for part in parts]
    evidence.fact(WHOLE, "samples", asked=len(order), found=counted.samples)
    mean = np.average(losses, weights=[len(part) for part in parts])
    evidence.measure(f"{WHOLE}/loss", loss, mean)
    led_to = arrays(witness.weights())
    for place, name in enumerate(recipe.PARAMETERS):
        evidence.measure(f"{WHOLE}/weights/{name}", whole[place], led_to[place])
    witness.put_back(after)


def prove_call(evidence: Evidence, witness: Witness, order: Order, rng: np.random.Generator) -> None:
    """A call over `order` (n,) from the state as it is, against calls over parts.

    Afterwards the state is as it was.
    """
    before = witness.keep()
    trained(witness, order)
    prove_whole(evidence, witness, before, order, rng)
    witness.put_back(before)


def evidence_of(workload: Workload) -> Evidence:
    """Evidence about a timed program, that says by which bounds it is to be judged."""
    evidence = Evidence()
    evidence.measured["precisions"] = np.array([workload.precision.value])
    evidence.measured["batch size"] = np.array(workload.batch_size)
    return evidence


def prove_evaluation(evidence: Evidence, witness: Witness, score: Score, test: Samples) -> None:
    """The score of all test batches against NumPy's, from the weights as they are."""
    outputs = logits(arrays(witness.weights()), test)
    right = float((outputs.argmax(axis=1) == test.labels).mean())
    evidence.measure(f"{EVALUATION}/test loss", score.loss, loss_of(outputs, test.labels))
    evidence.measure(f"{EVALUATION}/accuracy", score.accuracy, right)


def prove_prediction(evidence: Evidence, witness: Witness, answer: Floats, test: Samples) -> None:
    """Logits (n, 10) of some samples against NumPy's, from the weights as they are."""
    evidence.measure(f"{PREDICTION}/logits", answer, logits(arrays(witness.weights()), test))


def partial_size(workload: Workload) -> int:
    """Samples in an epoch's last batch where it is smaller than the others, else 0."""
    return workload.train_samples % workload.batch_size


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """What one step came to, as the framework has it or as NumPy does."""

    loss: float
    gradients: tuple[Doubles, ...]
    second_moments: tuple[Doubles, ...]
    weights: tuple[Doubles, ...]


def _steps(
    evidence: Evidence, witness: Witness, samples: Samples, sizes: Sequence[int], rng: np.random.Generator
) -> None:
    work = witness.workload
    found: list[_Step] = []
    expected: list[_Step] = []
    masks = []
    before, moments = arrays(witness.weights()), witness.moments()
    for size in sizes:
        order = _clear_of_the_kink(before, samples, size, _margin(work), rng)
        mask = np.asarray(witness.next_mask(size), np.float64)
        loss = trained(witness, order)
        after, now = arrays(witness.weights()), witness.moments()
        gradients = unfolded(arrays(moments.first), arrays(now.first), work.adam.beta_1)
        found.append(_Step(loss=loss, gradients=gradients, second_moments=arrays(now.second), weights=after))
        inputs = samples.inputs(order).astype(np.float64)
        by_hand = run(before, inputs, samples.labels[order], mask)
        expected.append(
            _Step(
                loss=by_hand.loss,
                gradients=by_hand.gradients,
                second_moments=_folded(arrays(moments.second), gradients, work.adam.beta_2),
                weights=_moved(before, now, work.adam, witness),
            )
        )
        masks.append(mask)
        evidence.fact(STEP, f"step {len(found)} counted", asked=moments.steps + 1, found=now.steps)
        before, moments = after, now
    _write(evidence, found, expected)
    _drops(evidence, masks, work.dropout_rate)


def _write(evidence: Evidence, found: Sequence[_Step], expected: Sequence[_Step]) -> None:
    evidence.measure(f"{STEP}/loss", [one.loss for one in found], [one.loss for one in expected])
    for place, name in enumerate(recipe.PARAMETERS):
        for quantity in ("gradients", "second_moments", "weights"):
            evidence.measure(
                f"{STEP}/{quantity}/{name}",
                np.stack([getattr(one, quantity)[place] for one in found]),
                np.stack([getattr(one, quantity)[place] for one in expected]),
            )


def _drops(evidence: Evidence, masks: Sequence[Doubles], rate: float) -> None:
    """The rate and scale of all masks, and how often two draws drop the same.

    Those of one step and of the next, of both halves of a batch, of neighbouring samples and of neighbouring
    units: each has to drop what the other drops as often as chance has it.
    """
    zeros = [mask == 0 for mask in masks]
    evidence.measure(
        f"{STEP}/dropout scale", np.unique(np.concatenate([one[one != 0] for one in masks])), 1 / (1 - rate)
    )
    evidence.measure(f"{STEP}/dropout rate", np.concatenate(zeros).mean(), rate)
    evidence.measured[f"{STEP}/draws"] = np.array(sum(mask.size for mask in masks))
    pairs = (
        list(pairwise(zeros)),
        [tuple(np.array_split(one, 2)) for one in zeros],
        [(one[:-1], one[1:]) for one in zeros],
        [(one[:, :-1], one[:, 1:]) for one in zeros],
    )
    both = [
        np.concatenate([one[: len(two)] & two[: len(one)] for one, two in kind]) for kind in pairs if kind
    ]
    known = [one for one in both if one.size]
    evidence.measure(f"{STEP}/dropped twice", [one.mean() for one in known], rate**2)
    evidence.measured[f"{STEP}/drawn twice"] = np.array(min(one.size for one in known))


def _cut(order: Order, batch_size: int, rng: np.random.Generator) -> list[Order]:
    """Parts of whole batches, cut at places that are drawn; as many as there are batches if these are few."""
    borders = np.arange(batch_size, len(order), batch_size)
    places = rng.choice(borders, size=min(_PARTS - 1, len(borders)), replace=False)
    return np.split(order, np.sort(places))


def trained(witness: Witness, order: Order) -> float:
    """Train on these samples, as a timed trial does; their mean loss, not a number where none were."""
    witness.begin_epoch(order)
    witness.train_epoch()
    witness.synchronise()
    # An adapter that left out all that it was given has no loss to tell.
    return witness.train_loss() if witness.trained().samples else float("nan")


def _moved(before: tuple[Doubles, ...], now: Moments, adam: Adam, witness: Witness) -> tuple[Doubles, ...]:
    """Where the framework's own form of Adam has to lead to, from the moments that it holds itself.

    From its own moments, not NumPy's: where a gradient is all rounding, its sign decides the whole step.
    """
    first, second = arrays(now.first), arrays(now.second)
    return stepped(before, first, second, steps=max(now.steps, 1), adam=adam, form=witness.adam_form)


def _folded(before: tuple[Doubles, ...], gradients: tuple[Doubles, ...], beta: float) -> tuple[Doubles, ...]:
    """Where the gradients that the optimiser was given lead its running mean of their squares."""
    return tuple(beta * old + (1 - beta) * one**2 for old, one in zip(before, gradients, strict=True))


def _margin(work: Workload) -> float:
    return Margins.of(ROUNDOFF.get(work.precision, 0.0)).clear_of_zero


def _clear_of_the_kink(
    parameters: tuple[Doubles, ...], samples: Samples, size: int, margin: float, rng: np.random.Generator
) -> Order:
    """Samples none of whose units is near ReLU's kink, where rounding would decide about a gradient.

    Where the data have too few of them, some come twice; where they have none, any will have to do.
    """
    order = rng.permutation(len(samples.labels))
    clear: list[int] = []
    looked_at = 0
    while len(clear) < size and looked_at < len(order):
        some = order[looked_at : looked_at + max(size - len(clear), _LOOKED_AT)]
        clear += some[from_zero(parameters, samples.inputs(some)) > margin].tolist()
        looked_at += len(some)
    return np.resize(np.array(clear or order, np.int64), size)
