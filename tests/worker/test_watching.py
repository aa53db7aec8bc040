"""A timed trial whose program is not the proven one ends as `other work`; an honest one goes on unmoved."""

from __future__ import annotations

import json
import subprocess
import sys
from unittest.mock import create_autospec

import numpy as np
import pytest

from harness.engine.surroundings import environment
from harness.errors import OtherWork
from harness.frameworks.base import Counts, Score
from harness.frameworks.witness import Moments, Witness
from harness.settings.presets import FRAMEWORKS
from harness.work import recipe
from harness.work.listings import TENSORFLOW
from harness.work.recipe import Weights
from harness.work.workload import Case, Dataset, Mode, Precision, TrialSpec, Workload
from harness.worker.proofs import Proofs
from harness.worker.watching import Watching
from tests.worker.late_faults import FAULTS

WORK = Workload(dataset=Dataset.SYNTHETIC, batch_size=64, train_samples=1000, epochs=3)

# The samples of a training round: seven batches and a part of one.
ROUND = np.arange(488)
SCORE = Score(loss=0.5, accuracy=0.9)


def watching(work=WORK, mode=Mode.LOOP):
    """What is watched of an adapter that cannot be asked for evidence: its counts."""
    case = Case(workload=work, device="cpu", mode=mode)
    return Watching(TrialSpec(framework="any", case=case, threads=1, data_root=""), adapter=None)


def said_by(module, compile_cache, *arguments):
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        env=environment(framework="pytorch", device="cpu", threads=1, compile_cache=compile_cache),
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


@pytest.mark.parametrize(("steps", "samples"), [(7, 488), (8, 448), (9, 488), (0, 0)])
def test_a_round_that_counts_other_steps_or_samples_ends_the_trial(steps, samples):
    with pytest.raises(OtherWork, match=f"told to run 8 steps on 488 samples and ran {steps} on {samples}$"):
        watching().trained(Counts(steps=steps, samples=samples), ROUND)


def test_a_round_that_counts_what_it_was_told_goes_on():
    watching().trained(Counts(steps=8, samples=488), ROUND)


def test_a_pass_over_part_of_the_test_set_ends_the_trial():
    with pytest.raises(OtherWork, match="told to run 20 steps on 20000 samples and ran 15 on 15000"):
        watching().evaluated(Counts(steps=15, samples=15000), SCORE, [0.1, 0.1])


def test_steps_that_overflowed_may_be_left_out_where_the_loss_is_scaled():
    scaled = Workload(batch_size=64, train_samples=1000, precision=Precision.FP16)
    watching(scaled).trained(Counts(steps=6, samples=488), ROUND)
    with pytest.raises(OtherWork):
        watching(scaled).trained(Counts(steps=8, samples=487), ROUND)


def test_the_articles_listings_are_told_nothing():
    watching(mode=Mode.ARTICLE).trained(Counts(steps=1, samples=1), ROUND)


def test_more_processors_than_threads_end_the_trial():
    watching().busy(cpu_s=1.2, wall_s=1.0)
    with pytest.raises(OtherWork, match=r"threads: a round kept 1\.30 processors busy and was given 1$"):
        watching().busy(cpu_s=1.3, wall_s=1.0)
    # An input pipeline has threads of its own.
    watching(mode=Mode.IDIOMATIC).busy(cpu_s=1.9, wall_s=1.0)


def test_epochs_on_end_that_count_other_steps_end_the_trial():
    witness = create_autospec(Witness, instance=True)
    case = Case(workload=WORK, device="cpu", mode=Mode.LOOP)
    watched = Watching(TrialSpec(framework="any", case=case, threads=1, data_root=""), witness)
    any_weights = recipe.initial_weights(WORK)
    for before, after in ((10, 42), (42, 73)):
        counted = [Moments(first=any_weights, second=any_weights, steps=one) for one in (before, after)]
        witness.moments.side_effect = counted
        watched.to_train_on_end()
        if after == 42:
            watched.trained_on_end(2)
    with pytest.raises(OtherWork, match=r"2 epochs on end were told to run 32 steps and ran 31$"):
        watched.trained_on_end(2)


@pytest.mark.parametrize(
    ("mode", "repeated"), [(Mode.LOOP, True), (Mode.LOOP, False), (Mode.IDIOMATIC, True)]
)
def test_the_round_of_the_drawn_moment_is_repeated_where_that_is_asked_an_epoch_in_some_batches(
    monkeypatch, mode, repeated
):
    weights = recipe.initial_weights(WORK)
    zeros = Weights.of(np.zeros_like(one) for one in weights.named().values())
    witness = create_autospec(Witness, instance=True)
    witness.workload = WORK
    witness.weights.return_value = weights
    witness.moments.return_value = Moments(first=zeros, second=zeros, steps=0)
    witness.random_state.side_effect = [b"first", b"second", b"third"]
    repeats, calls = [], []
    monkeypatch.setattr("harness.worker.proofs.prove_whole", lambda *told: repeats.append(told))
    monkeypatch.setattr("harness.worker.proofs.prove_call", lambda *told: calls.append(told[2]))
    for name in ("now", "step_from"):
        monkeypatch.setattr(Proofs, name, lambda *_: None)
    monkeypatch.setattr("harness.worker.proofs.require_held", lambda *_: None)
    case = Case(workload=WORK, device="cpu", mode=mode)
    spec = TrialSpec(framework="any", case=case, threads=1, data_root="", repeated=repeated)
    watched = Watching(spec, witness)
    epoch = np.arange(WORK.train_samples)
    for _ in range(WORK.epochs):
        watched.to_train(epoch)
        watched.trained(Counts(steps=16, samples=1000), epoch)
    in_parts = mode is Mode.LOOP and repeated
    assert len(repeats) == (1 if in_parts else 0)
    assert [len(order) for order in calls] == ([5 * WORK.batch_size] if mode is Mode.IDIOMATIC else [])


# A choice of them, each in one of the modes: `try_faults` tries all in all, and METHOD has the table.
FAULTS_TRIED = (
    "half of every batch",
    "dropout at the input",
    "later batches learn less",
    "partial batch left out",
    "every third step left out, late",
    "learning rate halved, late",
    "first order played again, late",
    "half of the test set twice, late",
    "dropout unscaled, late",
    "stale score, late",
    "one mask for all steps",
    "the same masks each epoch",
    "later batches only counted",
    "trained before the clock",
    "trained when it is asked",
    "evaluated when it is asked",
    "first answer again",
    "trained when anything is read",
    "evaluated when its score is read",
    "evaluation remembered",
    "answers remembered",
    "answers prepared",
    "loader emptied beforehand",
    "Adam compiled",
    "another Adam in secret",
    "loss scripted",
    "loss traced",
    "step traced",
    "most of a pass remembered",
    "half a mask for both halves",
    "samples reversed, late",
    "moments lost after an evaluation",
    "pacing not put back",
)


@pytest.mark.slow
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_what_only_timed_trials_do_is_found(framework, compile_cache, tmp_path):
    own = "graph" if framework == TENSORFLOW else "loop-fused"
    ways = ("loop", "eager", "idiomatic", own)
    # The frameworks begin at different ways, so that most faults meet two of them.
    first = FRAMEWORKS.index(framework)
    asked = []
    for number, fault in enumerate(FAULTS_TRIED, first):
        planted = FAULTS[fault]
        fitting = [way for way in ways if Mode(way.partition("-")[0]) in planted.modes]
        if framework in planted.frameworks:
            asked.append(f"{fitting[number % len(fitting)]}:{fault}")
    honest = ways if framework == TENSORFLOW else (*ways, "loop-foreach")
    asked = [*(f"{way}:" for way in honest), *sorted(asked)]
    tried = said_by("tests.worker.try_faults", compile_cache, framework, tmp_path, *asked)
    assert [f"{one['way']}:{one['fault']}" for one in tried] == asked
    assert [one["said"] for one in tried if not one["fault"] and one["kind"] is not None] == []
    assert [one for one in tried if one["fault"] and one["kind"] != OtherWork.kind] == []


@pytest.mark.slow
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_training_goes_on_after_a_proof_as_if_nothing_had_been(framework, small_root, compile_cache):
    told = said_by("tests.worker.trajectories", compile_cache, framework, "loop,idiomatic", small_root)
    for watched, alone in (told[:2], told[2:]):
        assert watched["mode"] == alone["mode"]
        assert (watched["proofs"], alone["proofs"]) == (1, 0)
        assert watched["steps"] == alone["steps"] == 32
        assert watched["sha256"] == alone["sha256"]
