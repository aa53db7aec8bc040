"""One side's testimony, given in its worker: the adapter is driven as timed trials drive it.

The adapter of the timed trials says what it holds (data, weights, batch orders, optimiser, settings),
evaluates, runs an epoch's end, and shows its dropout. Then, in float64 and in the timed precision, an
adapter with matched arithmetic trains on a small subset, from which nothing that follows is random:
an epoch batch by batch, read after every step, then whole epochs, each with a partial batch at its end.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from harness.frameworks.base import Data
from harness.frameworks.witness import Witness
from harness.parity.bounds import ROUNDOFF
from harness.parity.evidence import Evidence
from harness.parity.reference import Samples, arrays, logits, loss_of, run, unfolded
from harness.parity.rehearsal import Rehearsal, rehearse, scaled, schedule
from harness.parity.settings import ask_settings
from harness.parity.timed import prove_steps, prove_whole, trained
from harness.work import recipe
from harness.work.recipe import Order
from harness.work.workload import Precision, TrialSpec

# Six full batches and a partial one an epoch, three epochs: 21 steps across two epochs' ends.
FULL_BATCHES: Final = 6
PROOF_EPOCHS: Final = 3

# Nine steps have to do above this size, where a step costs as much as a proof should.
LARGE_BATCH: Final = 1024
FULL_LARGE_BATCHES: Final = 2

# Of an epoch of small batches so many, the last among them, show how it counts. All of them take a quarter
# of a minute op by op, and of timed rounds every one counts for itself.
EPOCH_STEPS: Final = 256

# Draws of each hidden layer that its dropout is looked at in.
_DROPOUT_DRAWS: Final = 512_000

# Batches that the timed object itself is stepped through, the partial one included.
PROVEN_STEPS: Final = 5
_TIMED_STREAM: Final = 3

Open = Callable[[TrialSpec], Witness]
Read = Callable[[TrialSpec], Data]


def testify(spec: TrialSpec, open_witness: Open, read: Read) -> Evidence:
    """Everything that one framework can say about one case."""
    evidence = Evidence()
    _as_timed(evidence, spec, open_witness, read)
    timed = spec.case.workload.precision
    precisions = tuple(dict.fromkeys((Precision.FP64, timed)))
    proofs = [proof_spec(spec, precision) for precision in precisions]
    data = [read(proof) for proof in proofs]
    exact = np.asarray(data[0].train_inputs, np.float64)
    rehearsal = rehearse(proofs[0].case.workload, exact, data[0].train_labels, ROUNDOFF.get(timed, 0.0))
    evidence.measured["batch size"] = np.array(spec.case.workload.batch_size)
    evidence.measured["hidden"] = np.array(spec.case.workload.hidden)
    evidence.measured["precisions"] = np.array([precision.value for precision in precisions])
    for proof, given in zip(proofs, data, strict=True):
        gc.collect()
        _step_by_step(evidence, proof, open_witness, given, rehearsal)
    return evidence


def proof_spec(spec: TrialSpec, precision: Precision) -> TrialSpec:
    """The same case on a subset whose epochs end in a partial batch, with matched arithmetic."""
    work = spec.case.workload
    full_batches = FULL_BATCHES if work.batch_size <= LARGE_BATCH else FULL_LARGE_BATCHES
    samples = full_batches * work.batch_size + work.batch_size // 2
    small = replace(
        work,
        precision=precision,
        epochs=PROOF_EPOCHS,
        train_samples=min(samples, work.train_samples),
    )
    return replace(spec, case=replace(spec.case, workload=small), matched=True)


def _as_timed(evidence: Evidence, spec: TrialSpec, open_witness: Open, read: Read) -> None:
    work = spec.case.workload
    witness = open_witness(spec)
    data, weights = read(spec), recipe.initial_weights(work)
    witness.load(data)
    witness.build(weights)
    witness.warm_up(recipe.batch_order(work, 0))
    held = witness.held_data()
    for quantity in ("train_inputs", "train_labels", "test_inputs", "test_labels"):
        given, kept = getattr(data, quantity), getattr(held, quantity)
        asked = recipe.digest(given)
        # Comparing bytes takes a fraction of the time of digesting them once more.
        found = asked if _same_bytes(given, kept) else recipe.digest(kept)
        evidence.fact("data", quantity, asked=asked, found=found)
    evidence.fact(
        "initial weights",
        "sha256",
        asked=recipe.digest(*weights.named().values()),
        found=recipe.digest(*witness.weights().named().values()),
    )
    shapes = [array.shape for array in weights.named().values()]
    evidence.fact("parameters", "shapes", asked=shapes, found=witness.trainable_shapes())
    count = sum(int(np.prod(shape)) for shape in witness.trainable_shapes())
    evidence.fact("parameters", "count", asked=work.parameter_count, found=count)
    ask_settings(evidence, witness)
    _evaluation(evidence, witness, data)
    _dropout(evidence, witness)
    _orders(evidence, witness)
    rng = np.random.default_rng([work.seed, _TIMED_STREAM])
    before, order = witness.keep(), _epoch_order(spec)
    _epoch(evidence, witness, order)
    prove_whole(evidence, witness, before, order, rng)
    # By now it has been trained: from a state that nobody wrote down.
    train = Samples(inputs=data.train_inputs.__getitem__, labels=data.train_labels)
    prove_steps(evidence, witness, train, PROVEN_STEPS, rng)


def _same_bytes(one: NDArray[Any], other: NDArray[Any]) -> bool:
    if (one.shape, one.dtype) != (other.shape, other.dtype):
        return False
    first, second = (np.ascontiguousarray(array).reshape(-1).view(np.uint8) for array in (one, other))
    return np.array_equal(first, second)


def _evaluation(evidence: Evidence, witness: Witness, data: Data) -> None:
    """From the initial weights."""
    witness.evaluate(witness.workload.eval_steps)
    witness.synchronise()
    score = witness.score()
    test = Samples(inputs=data.test_inputs.__getitem__, labels=data.test_labels)
    outputs = logits(arrays(witness.weights()), test)
    right = (outputs.argmax(axis=1) == data.test_labels).mean()
    evidence.measure("evaluation/test loss", score.loss, loss_of(outputs, data.test_labels))
    evidence.measure("evaluation/accuracy", score.accuracy, right)
    evidence.measure("evaluation/logits", witness.logits(), outputs)


def _dropout(evidence: Evidence, witness: Witness) -> None:
    work = witness.workload
    dtype = recipe.dtype_of(work.precision)
    ones = [np.ones((-(-_DROPOUT_DRAWS // units), units), dtype) for units in work.hidden]
    first, second = (witness.dropped(ones, training=True) for _ in range(2))
    in_evaluation = witness.dropped(ones, training=False)
    rate = work.dropout_rate
    scales = [np.unique(one[one != 0]) for one in first]
    twice = [np.mean((one == 0) & (two == 0)) for one, two in zip(first, second, strict=True)]
    changes = [np.abs(one - own).max() for one, own in zip(in_evaluation, ones, strict=True)]
    evidence.measure("dropout/rate", [np.mean(one == 0) for one in first], rate)
    evidence.measure("dropout/dropped twice", twice, rate**2)
    evidence.measure("dropout/scale", np.concatenate(scales), 1 / (1 - rate))
    evidence.measure("dropout/change in evaluation", changes, 0.0)


def _orders(evidence: Evidence, witness: Witness) -> None:
    for epoch in range(witness.workload.epochs):
        order = recipe.batch_order(witness.workload, epoch)
        witness.begin_epoch(order)
        held = np.concatenate(witness.held_batches()).astype(np.int64)
        evidence.fact(
            "batch order", f"epoch {epoch + 1}", asked=recipe.digest(order), found=recipe.digest(held)
        )


def _epoch_order(spec: TrialSpec) -> Order:
    work = spec.case.workload
    skipped = max(0, work.steps_per_epoch - EPOCH_STEPS) * work.batch_size
    return recipe.batch_order(work, 0)[skipped:]


def _epoch(evidence: Evidence, witness: Witness, order: Order) -> None:
    asked = recipe.batches(order, witness.workload.batch_size)
    witness.begin_epoch(order)
    held = witness.held_batches()
    witness.train_epoch()
    witness.synchronise()
    counts = witness.trained()
    evidence.fact("epoch", "steps", asked=len(asked), found=counts.steps)
    evidence.fact("epoch", "samples", asked=len(order), found=counts.samples)
    evidence.fact("epoch", "last batch", asked=len(asked[-1]), found=len(held[-1]))


def _step_by_step(
    evidence: Evidence, spec: TrialSpec, open_witness: Open, data: Data, rehearsal: Rehearsal
) -> None:
    work = spec.case.workload
    witness = open_witness(spec)
    witness.load(data)
    witness.build(recipe.initial_weights(work))
    witness.warm_up(recipe.batch_order(work, 0))
    name, parameters = work.precision.value, recipe.parameters(len(work.hidden))
    rate, dtype = work.dropout_rate, recipe.dtype_of(work.precision)
    losses: list[float] = []
    states = iter(rehearsal.states)
    before, folded = arrays(witness.weights()), arrays(witness.moments().first)
    for orders, epoch in schedule(work):
        witness.put_masks([scaled(one, rate).astype(dtype) for one in rehearsal.kept[epoch]])
        for step, order in enumerate(orders):
            losses.append(trained(witness, order))
            after = arrays(witness.weights())
            measured = [("weights", after, next(states))]
            if epoch == 0:
                held = arrays(witness.moments().first)
                # At the weights that the step began with: what rounding made of these is not its fault.
                inputs = data.train_inputs[order].astype(np.float64)
                masks = [scaled(one[step], rate) for one in rehearsal.kept[epoch]]
                by_hand = run(before, inputs, data.train_labels[order], masks).gradients
                measured.append(("gradients", unfolded(folded, held, work.adam.beta_1), by_hand))
                folded = held
            before = after
            for kind, found, expected in measured:
                for place, parameter in enumerate(parameters):
                    evidence.measure_step(f"{name}/{kind}/{parameter}", found[place], expected[place])
    evidence.measure(f"{name}/loss", losses, rehearsal.losses)
