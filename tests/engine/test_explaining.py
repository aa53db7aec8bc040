"""Walks with scripted workers: what is measured, what is kept, and when it ends."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import asdict, replace
from itertools import pairwise

import pytest

from harness.analysis.closing import Closing, closing
from harness.analysis.explanation import ASIDE, UNEXPLAINED, by_walk, explanation
from harness.analysis.intervals import Interval
from harness.engine import explaining
from harness.engine import playing as engine
from harness.engine.explaining import explain
from harness.engine.ratios import Ratios
from harness.settings import config, presets
from harness.store.reader import read_changes
from harness.store.schema import EXPLANATIONS
from harness.store.writer import Store
from harness.work.changes import WHOLE, contender, differences, listings, orders, walk
from harness.work.records import Phase, Role
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
        self.closings = []

    def walk_done(self, so_far):
        self.closings.append(so_far)

    def change_done(self, change, *, done, legs):
        self.done.append((change.name, done, legs))


def closing_of(changes, *, closes):
    """What `closing` says of these changes, but that they do or do not close."""
    found = closing(changes)
    bounds = Interval(estimate=1, low=0.99 if closes else 0.9, high=1.01, confidence=0.95, replicates=5)
    return replace(Counted(**asdict(found)), unexplained=bounds, whole=bounds)


class Counted(Closing):
    """Closes however few walks there are."""

    @property
    def closes(self):
        return self.unexplained_inside


@pytest.fixture
def run(tmp_path, synthetic_root, forked_matches, monkeypatch):
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
            config.resolve(
                {"replicates": "1", **given}, {}, tmp_path, presets.EXPLANATION_DEFAULTS | {"epochs": "1"}
            ),
            run_id="20260101T000000-aaaa",
            data_root=synthetic_root,
            logs=store.logs,
            save=trials.extend,
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


def test_all_programs_of_a_walk_take_turns_in_one_match_and_one_end_sits_twice(run):
    _, changes, trials, _ = run(replicates="2", budget_s="600")
    for replicate, again in enumerate((B, A)):
        seated = [trial for trial in trials if trial.replicate == replicate]
        assert len({trial.match_id for trial in seated}) == 1
        assert [trial.contender for trial in seated[:2]] == [A, B]
        assert seated[-1].contender == again
        counts = Counter(trial.contender for trial in seated)
        assert counts.pop(again) == 2
        assert set(counts.values()) == {1}
        assert len(seated) == (changes["replicate"] == replicate).sum() + 1
    assert set(changes["parts"]) == {1}


def test_a_program_of_a_walk_has_as_many_turns_as_epochs_and_is_evaluated_after_the_last(run):
    _, changes, trials, _ = run(*listings(replace(WORK, epochs=4), "cpu"))
    for trial in trials:
        phases = Counter(one.phase for one in trial.rounds)
        assert phases == {Phase.TRAIN: 4, Phase.EVALUATE: 1}
        assert [one.epoch for one in trial.rounds if one.phase is Phase.EVALUATE] == [4]
    assert changes["turns"].between(3, 4).all()
    assert changes["turn_error"].gt(0).all()


def test_the_turns_of_a_walk_are_taken_one_program_after_the_other(run):
    _, _, trials, _ = run(*listings(replace(WORK, epochs=4), "cpu"))
    rounds = sorted(
        (one.started_s, one.started_s + one.wall_s, one.index)
        for trial in trials
        for one in trial.rounds
        if one.phase is Phase.TRAIN
    )
    assert all(before[1] <= after[0] for before, after in pairwise(rounds))
    assert [index for *_, index in rounds] == sorted(index for *_, index in rounds)


def test_the_changes_of_a_walk_multiply_to_the_ends_of_their_way(run):
    _, changes, trials, _ = run(replicates="2", budget_s="600")
    for replicate, legs in changes.groupby("replicate"):
        ratios = Ratios([trial for trial in trials if trial.replicate == replicate])
        product = legs.set_index("name")["train_ratio"].drop(index=WHOLE).prod()
        assert math.log(product) == pytest.approx(ratios.log_ratio(1, 0), abs=1e-9)


def test_what_stays_unexplained_is_the_ratio_of_one_end_to_itself(run):
    _, changes, trials, _ = run(replicates="2", budget_s="600")
    left = by_walk(changes, "speed")[UNEXPLAINED]
    twice = {0: (len(trials) // 2 - 1, 1), 1: (0, len(trials) // 2 - 1)}
    for replicate, (of, over) in twice.items():
        ratios = Ratios([trial for trial in trials if trial.replicate == replicate])
        assert left[replicate] == pytest.approx(ratios.log_ratio(of, over), abs=1e-9)
        assert left[replicate] != 0


def test_programs_that_share_an_identifier_are_told_apart_by_their_seats(run):
    """Adam's constants are in no identifier: the two programs beside that change have one name."""
    _, changes, trials, _ = run()
    (of_adam,) = changes[changes["name"] == "Adam's constants"].to_dict("records")
    assert of_adam["before"] == of_adam["after"]
    (leg,) = (one for one in walk(A, B, next(orders(A, B, 0))) if one.name == "Adam's constants")
    seats = [trial.contender for trial in trials]
    expected = Ratios(trials).log_ratio(seats.index(leg.after), seats.index(leg.before))
    assert math.log(of_adam["train_ratio"]) == pytest.approx(expected, abs=1e-9)


def test_it_ends_two_walks_after_what_is_unexplained_was_known_closely_enough(run, monkeypatch):
    left = iter([False, True, True, True, True])
    monkeypatch.setattr(explaining, "closing", lambda changes: closing_of(changes, closes=next(left)))
    outcome, changes, _, observer = run(replicates="9", budget_s="600")
    assert outcome.stopped_because == "what stays unexplained is known within 0.95 to 1.05"
    assert set(changes["replicate"]) == {0, 1, 2, 3}
    assert [one.walks for one in observer.closings] == [1, 2, 3, 4]


def test_programs_that_memory_cannot_hold_at_once_meet_in_parts_that_both_ends_sit_in(run, monkeypatch):
    monkeypatch.setattr(engine, "room_for", lambda seats, gpu, beside_bytes: 8 - len(seats))
    _, changes, trials, _ = run()
    held = {part: {one.seat for one in trials if one.part == part} for part in (0, 1)}
    assert held[0] & held[1] == {0, 1}
    assert held[0] | held[1] == set(range(len(changes) + 1))
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
    assert len(trials) == 2 * (len(changes) + 1)
    assert outcome.trials_failed == len(changes) + 1


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


def test_a_walk_that_is_slower_than_the_first_ends_with_the_turns_that_it_has(run, monkeypatch):
    monkeypatch.setattr(explaining.Budget, "allows", lambda self, kind: True)
    slow = {"train_s": 0.05}
    _, changes, trials, _ = run(
        *listings(replace(WORK, epochs=6), "cpu"), pytorch=slow, replicates="2", budget_s="0.1"
    )
    turns_taken = {
        (trial.replicate, sum(one.phase is Phase.TRAIN for one in trial.rounds)) for trial in trials
    }
    assert turns_taken == {(0, 6), (1, 3)}
    cut_short = changes[changes["replicate"] == 1]
    assert cut_short["train_ratio"].notna().all()
    assert cut_short[["eval_ratio", "accuracy_after"]].isna().all(axis=None)
