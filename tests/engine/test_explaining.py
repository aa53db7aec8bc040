"""Walks with scripted workers: what is measured, what is kept, and when it ends."""

from __future__ import annotations

import json

import pytest

from harness.analysis.explanation import ASIDE, UNEXPLAINED, explanation
from harness.engine import playing as engine
from harness.engine.explaining import explain
from harness.settings import config, presets
from harness.store.reader import read_changes
from harness.store.schema import EXPLANATIONS
from harness.store.writer import Store
from harness.work.changes import WHOLE, contender, differences, listings
from harness.work.records import Role
from harness.work.workload import Dataset, Workload
from tests.engine.test_runner import Silent

pytestmark = pytest.mark.slow

WORK = Workload(dataset=Dataset.SYNTHETIC, train_samples=1000, epochs=1)
A, B = listings(WORK, "cpu")
PLACE = {"hostname": "here", "cpu_model": "one", "cpu_usable": 2, "threads": 1, "epochs": 1}


class Following(Silent):
    def __init__(self):
        super().__init__()
        self.done = []

    def change_done(self, change, *, done, legs):
        self.done.append((change.name, done, legs))


@pytest.fixture
def run(tmp_path, synthetic_root, monkeypatch):
    """Explain with scripted workers: how it ended, the changes on disk, the trials, and who was told."""

    def measured(a=A, b=B, *, pytorch=None, observer=None, beside=False, **given):
        scripts = {
            "TENSORFLOW": {"train_s": 0.01},
            "PYTORCH": {"train_s": 0.05, "accuracy": 0.9} | (pytorch or {}),
        }
        for framework, script in scripts.items():
            monkeypatch.setenv(f"EVENMATCH_ADAPTER_{framework}", "harness.frameworks.scripted")
            monkeypatch.setenv(f"EVENMATCH_SCRIPT_{framework}", json.dumps(script))
        store = Store(tmp_path / EXPLANATIONS)
        store.prepare()
        trials, observer = [], observer or Following()
        outcome = explain(
            a,
            b,
            config.resolve({"replicates": "1", **given}, {}, tmp_path, presets.EXPLANATION_DEFAULTS),
            run_id="20260101T000000-aaaa",
            data_root=synthetic_root,
            logs=store.logs,
            save=trials.append,
            save_change=lambda change: store.save_change(change, PLACE),
            observer=observer,
            beside=beside,
        )
        return outcome, read_changes(tmp_path), trials, observer

    return measured


def test_a_walk_measures_every_change_and_the_ends_directly(run):
    outcome, changes, trials, observer = run()
    assert set(changes["name"]) == {*differences(A, B), WHOLE}
    assert sorted(changes["place"]) == list(range(len(changes)))
    assert {trial.role for trial in trials} == {Role.CHANGE}
    assert len({trial.trial_id for trial in trials}) == len(trials)
    assert [done for _, done, _ in observer.done] == list(range(1, len(changes) + 1))
    by_name = changes.set_index("name")
    assert by_name.loc["framework", "train_ratio"] < 0.7
    assert by_name.loc["framework", "accuracy_after"] - by_name.loc["framework", "accuracy_before"] < 0
    assert outcome.trials_ok == len(trials)


def test_all_programs_of_a_walk_take_turns_in_one_match_each_once(run):
    _, changes, trials, _ = run()
    assert len({trial.match_id for trial in trials}) == 1
    assert len(trials) == len({trial.contender for trial in trials}) == len(changes)
    assert [(trial.framework, trial.case.workload.batch_size) for trial in trials[:2]] == [
        ("tensorflow", 32),
        ("pytorch", 64),
    ]
    assert set(changes["parts"]) == {1}


def test_the_changes_of_a_walk_multiply_to_its_ends_so_nothing_stays_unexplained(run):
    _, changes, _, _ = run(replicates="2", budget_s="600")
    for _, walk in changes.groupby("replicate"):
        ratios = walk.set_index("name")[["train_ratio", "eval_ratio"]]
        product = ratios.drop(index=WHOLE).prod()
        assert product.to_numpy() == pytest.approx(ratios.loc[WHOLE].to_numpy(), rel=1e-9)
    rows = explanation(changes).set_index("name")
    assert rows.loc[UNEXPLAINED, "speed"] == pytest.approx(1, abs=1e-9)


def test_programs_that_memory_cannot_hold_at_once_meet_in_parts_that_both_ends_sit_in(run, monkeypatch):
    monkeypatch.setattr(engine, "room_for", lambda seats, gpu: 8 - len(seats))
    _, changes, trials, _ = run()
    held = {part: {one.seat for one in trials if one.part == part} for part in (0, 1)}
    assert held[0] & held[1] == {0, 1}
    assert len(held[0] | held[1]) == len(changes)
    assert set(changes["parts"]) == {2}
    ratios = changes.set_index("name")["train_ratio"]
    measured = ratios.drop(WHOLE).prod() / ratios[WHOLE]
    assert explanation(changes).set_index("name").loc[UNEXPLAINED, "speed"] == pytest.approx(1 / measured)
    assert measured != 1


def test_a_spent_budget_ends_it_after_a_whole_walk(run):
    outcome, changes, _, _ = run(replicates="5", budget_s="0.1")
    assert outcome.stopped_because == "the time budget of 0.1 s was spent"
    assert set(changes["replicate"]) == {0}
    assert len(changes) == len(differences(A, B)) + 1


def test_a_failed_program_is_a_change_without_a_ratio_and_the_walk_goes_on(run):
    outcome, changes, _, _ = run(pytorch={"events": {"train 1": "raise"}})
    broken = changes[changes["failure_reason"].notna()]
    assert "scripted to fail" in broken["failure_reason"].iloc[0]
    assert broken["train_ratio"].isna().all()
    assert changes["train_ratio"].notna().any()
    assert outcome.trials_failed > 0


def test_an_interrupted_walk_keeps_the_walks_before_and_its_own_trials(run):
    class Impatient(Following):
        def turn_done(self, match, *, done, rounds):
            if match.replicate == 1:
                raise KeyboardInterrupt

    outcome, changes, trials, _ = run(observer=Impatient(), replicates="3", budget_s="600")
    assert (outcome.status, outcome.stopped_because) == ("interrupted", "it was interrupted")
    assert set(changes["replicate"]) == {0}
    assert len(trials) == 2 * len(changes)
    assert outcome.trials_failed == len(changes)


def test_any_two_cases_are_walked_between(run):
    a = contender("tensorflow/synthetic-cpu-loop-fp32-b100-e2-n1000", seed=0)
    b = contender("pytorch/synthetic-cpu-compiled-fp32-b50-e2-n1000", seed=0)
    _, changes, _, _ = run(a, b)
    assert set(changes["name"]) == {"framework", "mode", "batch size", WHOLE}


def test_what_neither_listing_types_is_measured_when_it_is_asked_for(run):
    _, changes, _, _ = run(beside=True)
    beside = changes[changes["aside"]]
    assert "optimiser implementation fused, pytorch" in set(beside["name"])
    assert "dropout 0.0, tensorflow" in set(beside["name"])
    rows = explanation(changes).set_index("name")
    assert set(rows.index[rows["part"] == ASIDE]) == set(beside["name"])
