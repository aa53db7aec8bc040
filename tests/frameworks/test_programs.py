"""Programs of mode `article` in a real worker: each level does what its name says."""

from __future__ import annotations

import pytest

from harness.settings.presets import FRAMEWORKS
from harness.work.changes import change, listings
from harness.work.program import Initial, Metrics, Output, Partial, Pipeline, Progress, Scaling, Step, Update
from harness.work.workload import Adam, Dataset, TrialSpec, Workload
from harness.worker.protocol import Do, dump_spec

pytestmark = pytest.mark.slow

# 1000 = 31 * 32 + 8 = 15 * 64 + 40: both listings' epochs end in a partial batch.
WORK = Workload(dataset=Dataset.SYNTHETIC, train_samples=1000, epochs=2, seed=5)
LISTINGS = dict(zip(FRAMEWORKS, listings(WORK, "cpu"), strict=True))

# What any program between the listings may have, one thing changed after the other.
COMMON = {
    "batch size": 50,
    "scaling": Scaling.UNIT,
    "metrics": Metrics.ACCURACY,
    "output": Output.LOGITS,
    "Adam's constants": Adam(epsilon=1e-8),
    "first weights": Initial.GLOROT,
    "evaluation batch": 700,
    "progress": Progress.SILENT,
    "dropout": 0.0,
}


@pytest.fixture
def trial(small_root, lasting_worker):
    """A function that trains an epoch and evaluates: what the worker says at each."""

    def run(contender):
        spec = TrialSpec(
            framework=contender.framework, case=contender.case, threads=1, data_root=str(small_root)
        )
        worker = lasting_worker(contender.framework)
        started = worker.ask(Do.START, timeout_s=300, spec=dump_spec(spec))
        trained = worker.ask(Do.TRAIN, timeout_s=300, epoch=0, first=0, last=1000)
        evaluated = worker.ask(Do.EVALUATE, timeout_s=300, passes=1)
        worker.ask(Do.FINISH, timeout_s=60)
        return started, trained, evaluated

    return run


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_listing_runs_with_batches_of_its_own(trial, framework):
    _, trained, evaluated = trial(LISTINGS[framework])
    steps = {"tensorflow": (32, 32), "pytorch": (16, 1)}[framework]
    assert (trained["steps"], evaluated["steps"]) == steps
    assert (trained["samples"], evaluated["samples"]) == (1000, 1000)


def test_without_dropout_the_same_program_learns_alike_in_both_frameworks(trial):
    told = []
    for framework in FRAMEWORKS:
        contender = LISTINGS[framework]
        for name, to in (COMMON | {"step": Step.EAGER, "input pipeline": Pipeline.ARRAYS}).items():
            contender = change(contender, name, to)
        told.append(trial(contender))
    (_, first, seen), (_, second, other) = told
    assert first["steps"] == second["steps"] == 20
    # Keras shuffles by itself, so the orders differ.
    assert first["loss"] == pytest.approx(second["loss"], rel=0.05)
    assert seen["loss"] == pytest.approx(other["loss"], rel=0.05)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_what_a_model_ends_in_changes_the_work_and_not_the_loss(trial, framework):
    plain = change(change(LISTINGS[framework], "dropout", 0.0), "scaling", Scaling.NORMALISED)
    losses = [trial(change(plain, "output", output))[1]["loss"] for output in Output]
    assert losses == pytest.approx([losses[0]] * len(losses), rel=1e-3)


@pytest.mark.parametrize("scaling", list(Scaling))
def test_a_loader_gives_what_the_arrays_hold(trial, scaling):
    plain = change(change(LISTINGS["pytorch"], "dropout", 0.0), "scaling", scaling)
    (_, one, _), (_, other, _) = (trial(change(plain, "input pipeline", pipeline)) for pipeline in Pipeline)
    assert one["loss"] == pytest.approx(other["loss"], rel=1e-4)


@pytest.mark.parametrize(
    ("changed", "key", "said"),
    [
        (("pytorch", "optimiser implementation", Update.FUSED), "optimizer", "Adam (fused)"),
        (("pytorch", "optimiser implementation", Update.FOREACH), "optimizer", "Adam (foreach)"),
        (("tensorflow", "step", Step.EAGER), "step", "fit (eager)"),
        (("tensorflow", "step", Step.TRACED), "step", "fit (tf.function)"),
        (("tensorflow", "step", Step.COMPILED), "step", "fit (XLA)"),
        (("tensorflow", "scaling", Scaling.RAW), "inputs", "uint8"),
        (("tensorflow", "scaling", Scaling.UNIT), "inputs", "float32"),
    ],
)
def test_a_level_is_what_the_framework_reports(trial, changed, key, said):
    framework, name, to = changed
    started, *_ = trial(change(LISTINGS[framework], name, to))
    assert started["effective"][key] == said


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_dropped_partial_batch_is_not_trained_on(trial, framework):
    contender = change(LISTINGS[framework], "partial batches", Partial.DROPPED)
    _, trained, _ = trial(contender)
    size = contender.case.workload.batch_size
    assert (trained["steps"], trained["samples"]) == (1000 // size, 1000 // size * size)


def test_metrics_in_training_change_no_score(trial):
    (_, _, one), (_, _, other) = (
        trial(change(LISTINGS["tensorflow"], "metrics", metrics)) for metrics in Metrics
    )
    assert one["accuracy"] == pytest.approx(other["accuracy"], abs=0.02)
