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
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

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
from harness.parity.rehearsal import clear_in_a_step
from harness.work import recipe
from harness.work.recipe import Floats, Order
from harness.work.workload import FULL_TRAIN_SAMPLES, Adam, Workload

STEP: Final = "timed step"
WHOLE: Final = "whole and parts"
EVALUATION: Final = "timed evaluation"
PREDICTION: Final = "timed prediction"

Dropped = NDArray[np.bool_]

# So many samples are looked at for those of one step: as many as the largest data set has.
_MOST_LOOKED_AT: Final = FULL_TRAIN_SAMPLES

# Into so many parts a call over many batches is cut.
_PARTS: Final = 3


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
    for place, name in enumerate(_parameters(witness.workload)):
        evidence.measure_step(f"{WHOLE}/weights/{name}", whole[place], led_to[place])
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
    evidence.measured["hidden"] = np.array(workload.hidden)
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


def _steps(
    evidence: Evidence, witness: Witness, samples: Samples, sizes: Sequence[int], rng: np.random.Generator
) -> None:
    work = witness.workload
    losses, masks = [], []
    before, moments = arrays(witness.weights()), witness.moments()
    for number, size in enumerate(sizes, start=1):
        drawn = [np.asarray(mask, np.float64) for mask in witness.next_masks(size)]
        order = _clear_of_the_kink(before, samples, drawn, _clear(work), rng)
        loss = trained(witness, order)
        after, now = arrays(witness.weights()), witness.moments()
        gradients = unfolded(arrays(moments.first), arrays(now.first), work.adam.beta_1)
        inputs = samples.inputs(order).astype(np.float64)
        by_hand = run(before, inputs, samples.labels[order], drawn)
        squares = _folded(arrays(moments.second), gradients, work.adam.beta_2)
        for quantity, found, expected in (
            ("gradients", gradients, by_hand.gradients),
            ("second_moments", arrays(now.second), squares),
            ("weights", after, _moved(before, now, work.adam, witness)),
        ):
            for place, name in enumerate(_parameters(work)):
                evidence.measure_step(f"{STEP}/{quantity}/{name}", found[place], expected[place])
        losses.append((loss, by_hand.loss))
        masks.append(drawn)
        evidence.fact(STEP, f"step {number} counted", asked=moments.steps + 1, found=now.steps)
        before, moments = after, now
    evidence.measure(f"{STEP}/loss", *zip(*losses, strict=True))
    _drops(evidence, masks, work.dropout_rate)


def _parameters(workload: Workload) -> list[str]:
    return recipe.parameters(len(workload.hidden))


def _drops(evidence: Evidence, masks: Sequence[Sequence[Doubles]], rate: float) -> None:
    """The rate and scale of all masks, a list of them a step, and how often two draws drop the same.

    Those of one step and of the next, of both halves of a batch, of neighbouring samples, of neighbouring
    units and of neighbouring layers: each has to drop what the other drops as often as chance has it.
    """
    kept = [mask[mask != 0] for step in masks for mask in step]
    evidence.measure(f"{STEP}/dropout scale", np.unique(np.concatenate(kept)), 1 / (1 - rate))
    layers = [[mask == 0 for mask in of_layer] for of_layer in zip(*masks, strict=True)]
    drawn = [np.concatenate(zeros) for zeros in layers]
    evidence.measure(f"{STEP}/dropout rate", [one.mean() for one in drawn], rate)
    evidence.measured[f"{STEP}/draws"] = np.array(min(one.size for one in drawn))
    pairs = [kind for zeros in layers for kind in _pairs(zeros)]
    # Where one layer is wider than the next, of the units that both have.
    pairs += [
        [(one[:, : two.shape[1]], two[:, : one.shape[1]]) for one, two in zip(layer, after, strict=True)]
        for layer, after in pairwise(layers)
    ]
    both = [
        np.concatenate([one[: len(two)] & two[: len(one)] for one, two in kind]) for kind in pairs if kind
    ]
    known = [one for one in both if one.size]
    evidence.measure(f"{STEP}/dropped twice", [one.mean() for one in known], rate**2)
    evidence.measured[f"{STEP}/drawn twice"] = np.array(min(one.size for one in known))


def _pairs(zeros: Sequence[Dropped]) -> list[list[tuple[Dropped, ...]]]:
    """Draws (rows, h) of one layer, one a step, beside others that they have nothing to do with."""
    return [
        list(pairwise(zeros)),
        [tuple(np.array_split(one, 2)) for one in zeros],
        [(one[:-1], one[1:]) for one in zeros],
        [(one[:, :-1], one[:, 1:]) for one in zeros],
    ]


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


def _clear(work: Workload) -> float:
    return clear_in_a_step(work, ROUNDOFF.get(work.precision, 0.0))


def _clear_of_the_kink(
    parameters: tuple[Doubles, ...],
    samples: Samples,
    masks: Sequence[Doubles],
    clear: float,
    rng: np.random.Generator,
) -> Order:
    """A sample for each row of the masks, none of whose units is near ReLU's kink under them.

    There rounding would decide about a gradient. Where the data are few, some come twice; where none will do
    for a row, any has to.
    """
    order = rng.permutation(len(samples.labels))
    chosen = np.resize(order, len(masks[0]))
    open_rows, looked_at = np.arange(len(chosen)), 0
    while len(open_rows) and looked_at < _MOST_LOOKED_AT:
        at = looked_at % len(order)
        if looked_at and not at:
            # Again, each beside another row's mask.
            order = rng.permutation(len(order))
        some = order[at : at + len(open_rows)]
        rows, others = np.split(open_rows, [len(some)])
        far = from_zero(parameters, samples.inputs(some), [mask[rows] for mask in masks]) > clear
        chosen[rows[far]] = some[far]
        open_rows = np.concatenate([rows[~far], others])
        looked_at += len(some)
    return chosen
