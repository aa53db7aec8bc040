"""A calibration with scripted workers: the truth is known to the script and to nobody else."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from harness.analysis.calibration import calibration
from harness.analysis.statistics import MIN_REPLICATES, judge_family
from harness.analysis.usual import IN_TURNS
from harness.engine import calibrating
from harness.engine.calibrating import calibrate, tries
from harness.settings import config, presets
from harness.settings.grid import plan
from harness.store.reader import read_attempts
from harness.store.schema import CALIBRATION
from harness.store.writer import Store
from harness.work.records import Phase, Role

PLACE = {"hostname": "here", "cpu_model": "one", "cpu_usable": 2, "threads": 1, "try_s": 0.5}


class Silent:
    def __init__(self):
        self.done = []
        self.failed = []

    def match_began(self, match, *, spent_s, left_s):
        pass

    def turn_done(self, match, *, done, rounds):
        pass

    def trial_done(self, trial):
        if trial.failure:
            self.failed.append(trial.failure.reason)

    def try_done(self, attempts, *, done, tries):
        self.done.append((done, tries, len(attempts)))


@pytest.fixture
def settled(tmp_path):
    def settle(**given):
        options = {"batch_size": "50", "train_samples": "1000", "dataset": "synthetic", "epochs": "500"}
        return config.resolve(options | given, {}, tmp_path, presets.CALIBRATION_DEFAULTS)

    return settle


@pytest.fixture
def run(settled, tmp_path, synthetic_root, forked_matches, monkeypatch):
    """Calibrate with scripted workers; what was tried, the trials, and who was told."""

    def calibrated(script=None, *, usual=True, **given):
        for framework in ("TENSORFLOW", "PYTORCH"):
            monkeypatch.setenv(f"EVENMATCH_ADAPTER_{framework}", "harness.frameworks.scripted")
            told = json.dumps({"epoch_s": 0.2} | (script or {}))
            monkeypatch.setenv(f"EVENMATCH_SCRIPT_{framework}", told)
        settings = settled(round_s="0.02", try_s="0.8", **given)
        store = Store(tmp_path / CALIBRATION)
        store.prepare()
        trials, observer = [], Silent()

        def save(match):
            store.save_match(match)
            trials.extend(match)

        calibrate(
            plan(settings),
            run_id="calibration",
            data_root=synthetic_root,
            logs=store.logs,
            save=save,
            save_try=lambda attempts: store.save_attempts(attempts, PLACE),
            observer=observer,
            usual=usual,
        )
        return read_attempts(tmp_path), trials, observer

    return calibrated


def test_every_share_is_tried_equally_often_with_both_frameworks(settled):
    planned = Counter(tries(settled(tries="4", planted="0%,5%")))
    assert planned == {
        (framework, share): 2 for framework in ("tensorflow", "pytorch") for share in (0.0, 0.05)
    }


@pytest.mark.slow
def test_a_planted_slow_down_is_found_and_nothing_is_found_where_nothing_is(run):
    attempts, _, observer = run(tries="1", planted="0%,40%")
    own = attempts[attempts["way"] == IN_TURNS].set_index("planted_share")
    assert own["says"].to_dict()[0.4] == "first faster"
    assert own["ratio"].to_dict() == pytest.approx({0.0: 1.0, 0.4: 1.4}, rel=0.1)
    assert observer.done == [(1, 2, 5), (2, 2, 5)]


@pytest.mark.slow
def test_a_try_is_matches_that_take_turns_and_then_one_seat_after_the_other(run):
    attempts, trials, _ = run(tries="1", planted="0%")
    assert len(trials) == 2 * MIN_REPLICATES + 2
    assert len({trial.trial_id for trial in trials}) == len(trials)
    assert {trial.role for trial in trials} == {Role.CONTROL}
    *in_turns, first, second = trials
    assert {(trial.replicate, trial.seat) for trial in in_turns} == {
        (replicate, seat) for replicate in range(MIN_REPLICATES) for seat in (0, 1)
    }
    last, following = first.rounds[-1], second.rounds[0]
    assert last.started_s + last.wall_s < following.started_s
    assert set(attempts["way"]) == {IN_TURNS, "welch", "minimum", "pytest-benchmark", "pyperf"}


@pytest.mark.slow
def test_a_try_measures_nothing_but_training_and_for_as_long_as_it_was_told(run):
    attempts, trials, _ = run(tries="1", planted="0%")
    assert {one.phase for trial in trials for one in trial.rounds} == {Phase.TRAIN}
    assert all(trial.latencies == () for trial in trials)
    # Each side stops at the first turn that is long enough.
    assert attempts["measured_s"].between(0.8, 1.6).all()


@pytest.mark.slow
def test_every_round_holds_what_is_planted_neither_more_nor_less(run):
    """Of rounds of other lengths some would hold a step more, and a median does not see the mean."""
    _, trials, _ = run(tries="1", planted="0%,5%", usual=False, train_samples="1100")
    slowed = {trial.match_id for trial in trials if trial.planted_share}
    steps = {True: set(), False: set()}
    for trial in trials:
        steps[trial.match_id in slowed] |= {one.steps for one in trial.rounds}
    # An epoch has 22 steps.
    assert steps[True] == {20}
    assert max(steps[False]) < 20


@pytest.mark.slow
def test_a_try_too_short_for_rounds_of_the_usual_ways_has_none_of_them(run):
    """A hundred steps, as 1 % needs, take longer here than a side of the try has."""
    attempts, trials, _ = run(tries="1", planted="1%")
    assert attempts["way"].tolist() == [IN_TURNS]
    assert len(trials) == 2 * MIN_REPLICATES + 2
    assert {len(trial.rounds) for trial in trials} == {1}


@pytest.mark.slow
def test_a_try_with_a_failed_trial_says_nothing(run):
    attempts, trials, observer = run({"events": {"train 2": "raise"}}, tries="1", planted="0%")
    assert attempts.empty
    assert observer.done == [(1, 1, 0)]
    assert observer.failed
    assert trials[0].failure.kind == "raised"
    assert calibration(attempts).empty


@pytest.mark.slow
def test_the_usual_ways_can_be_left_out_to_save_their_time(run):
    attempts, trials, _ = run(tries="1", planted="0%", usual=False)
    assert attempts["way"].tolist() == [IN_TURNS]
    assert len(trials) == 2 * MIN_REPLICATES


@pytest.mark.slow
def test_cases_of_a_try_are_measured_in_a_runs_order_and_judged_as_one_family(run, monkeypatch):
    families = []

    def judged(samples):
        families.append([len(sample) for sample in samples])
        return judge_family(samples)

    monkeypatch.setattr(calibrating, "judge_family", judged)
    replicates = MIN_REPLICATES + 2
    attempts, trials, observer = run(
        tries="1", planted="0%", batch_size="50,100", replicates=str(replicates), usual=False
    )
    assert families == [[replicates] * 2]
    sizes = [trial.case.workload.batch_size for trial in trials if trial.seat == 0]
    # The first case is ahead until it can be judged, and the second follows; then all have their turns.
    first = [50] * MIN_REPLICATES + [100] * MIN_REPLICATES
    assert sizes[: len(first)] == first
    assert [set(sizes[len(first) + place :][:2]) for place in (0, 2)] == [{50, 100}] * 2
    assert attempts["case_id"].nunique() == 2
    assert attempts["number"].tolist() == [0, 0]
    assert observer.done == [(1, 1, 2)]
    assert {trial.role for trial in trials} == {Role.CONTROL}


@pytest.mark.slow
def test_each_case_is_measured_the_usual_ways_too(run):
    attempts, trials, _ = run(tries="1", planted="0%", batch_size="50,100")
    assert attempts.groupby("case_id")["way"].nunique().tolist() == [5, 5]
    assert len({trial.trial_id for trial in trials}) == len(trials) == 2 * (2 * MIN_REPLICATES + 2)
