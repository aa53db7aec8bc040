"""One replicate by itself: the rounds that its contenders share, who is left out, and when it ends."""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from dataclasses import replace
from itertools import pairwise, permutations
from pathlib import Path
from statistics import median

import numpy as np
import psutil
import pytest

from harness.analysis.effects import effects, ratios
from harness.engine import playing as engine
from harness.engine.conditions import Conditions
from harness.engine.known import Known
from harness.engine.playing import Interrupted, run_match
from harness.engine.ratios import Ratios
from harness.settings.matches import Match, between
from harness.settings.presets import FRAMEWORKS
from harness.store.columns import rows_of
from harness.store.reader import read
from harness.store.writer import Store
from harness.work.contender import Contender
from harness.work.records import Peak, Phase
from harness.work.workload import Case, Dataset, Mode, Workload
from tests.engine.test_runner import Silent

pytestmark = pytest.mark.slow

WORK = Workload(dataset=Dataset.SYNTHETIC, batch_size=100, train_samples=1000, epochs=300)
TWO = between(Case(workload=WORK, device="cpu", mode=Mode.LOOP), replicate=0)
FOUR = Match(
    contenders=tuple(
        Contender(framework=framework, case=Case(workload=WORK, device="cpu", mode=mode))
        for mode in (Mode.LOOP, Mode.EAGER)
        for framework in FRAMEWORKS
    ),
    replicate=0,
)


@pytest.fixture
def run(tmp_path, synthetic_root, fork_servers, monkeypatch):
    """Run a match of scripted contenders, each training for `enough_s` seconds."""

    def measure(
        tensorflow,
        pytorch,
        match=TWO,
        *,
        enough_s=0.2,
        at_once=2,
        known=None,
        data_root=synthetic_root,
        observer=None,
        threads=1,
        share_cores=True,
        speed_only=True,
    ):
        for framework, script in (("TENSORFLOW", tensorflow), ("PYTORCH", pytorch)):
            monkeypatch.setenv(f"EVENMATCH_ADAPTER_{framework}", "harness.frameworks.scripted")
            monkeypatch.setenv(f"EVENMATCH_SCRIPT_{framework}", json.dumps(script))
        conditions = Conditions(
            run_id="run",
            data_root=data_root,
            logs=tmp_path,
            compile_cache=tmp_path,
            threads=threads,
            share_cores=share_cores,
            at_once=at_once,
            round_s=0.01,
            timeout_s=30,
            certificates={},
            servers=fork_servers,
            enough_s=enough_s,
            speed_only=speed_only,
        )
        return run_match(match, conditions, observer or Silent(), known)

    return measure


@pytest.mark.parametrize("at_once", [2, 1])
def test_both_train_for_long_enough_and_in_the_same_rounds(run, at_once):
    a, b = run({"epoch_s": 0.05}, {"epoch_s": 0.1}, at_once=at_once)
    for trial in (a, b):
        assert sum(one.wall_s for one in trial.rounds) >= 0.2
    assert [one.samples for one in a.rounds] == [one.samples for one in b.rounds]
    assert all(one.phase is Phase.TRAIN for one in a.rounds)
    log_ratios = [
        math.log(other.sample_s / one.sample_s)
        for one, other in zip(a.rounds, b.rounds, strict=True)
        if not (one.warm_up or other.warm_up)
    ]
    assert Ratios([a, b]).log_ratio(0, 1) == pytest.approx(median(log_ratios))


class Looking(Silent):
    """Where the two workers below this process may run, after each turn."""

    def __init__(self):
        self.allowed = []
        self.others = set(psutil.Process().children())

    def turn_done(self, match, *, done, rounds):
        workers = set(psutil.Process().children()) - self.others
        self.allowed.append([set(one.cpu_affinity()) for one in workers])


def test_all_of_a_match_stay_on_the_same_cores_which_are_on_record(run):
    looking = Looking()
    a, b = run({"epoch_s": 0.05}, {"epoch_s": 0.1}, observer=looking)
    assert a.cores == b.cores
    assert looking.allowed
    assert all(allowed == [{int(a.cores)}] * 2 for allowed in looking.allowed)


def test_which_cores_they_are_changes_from_match_to_match(run):
    cores = {
        run({"epoch_s": 0.05}, {"epoch_s": 0.1}, replace(TWO, replicate=number))[0].cores
        for number in range(8)
    }
    assert len(cores) > 1 or len(os.sched_getaffinity(0)) == 1


@pytest.mark.parametrize(
    ("mode", "given"),
    [(Mode.IDIOMATIC, {}), (Mode.LOOP, {"threads": 2}), (Mode.LOOP, {"share_cores": False})],
)
def test_with_an_input_pipeline_with_several_threads_or_where_it_is_not_wanted_none_is_kept(run, mode, given):
    match = between(replace(TWO.case, mode=mode), replicate=0)
    assert [one.cores for one in run({"epoch_s": 0.05}, {"epoch_s": 0.1}, match, **given)] == [None, None]


def test_data_in_a_folder_that_is_named_from_where_the_user_works_is_found(run, synthetic_root, monkeypatch):
    monkeypatch.chdir(synthetic_root.parent)
    for trial in run({"train_s": 0.05}, {"train_s": 0.05}, data_root=Path(synthetic_root.name)):
        assert trial.failure is None


def test_one_that_fails_does_not_leave_the_other_training_without_end(run):
    a, b = run({"train_s": 0.05}, {"train_s": 0.05, "events": {"train 2": "raise"}})
    assert b.failure.kind == "raised"
    assert a.failure is None
    assert 4 <= len(a.rounds) <= 6
    assert Ratios([a, b]).log_ratio(0, 1) is None


def test_the_rounds_of_a_kind_of_match_are_settled_by_the_first_in_which_all_start(run):
    known = Known()

    def settled():
        return known.pace(TWO, [], all_said=False)

    run({"epoch_s": 0.1, "events": {"start": "raise"}}, {"epoch_s": 0.1}, known=known)
    assert settled().epoch_s is None
    run({"epoch_s": 0.1}, {"epoch_s": 0.1}, known=known)
    found = settled()
    first, _ = run({"epoch_s": 0.1}, {"epoch_s": 0.1}, known=known)
    a, _ = run({"epoch_s": 0.02}, {"epoch_s": 0.02}, known=known)
    assert settled() == found
    assert a.rounds[0].samples == first.rounds[0].samples


def test_four_contenders_take_turns_in_balanced_order_and_never_overlap(run):
    trials = run({"train_s": 0.02}, {"train_s": 0.02}, FOUR, enough_s=0.15)
    assert [(trial.seat, trial.contender) for trial in trials] == list(enumerate(FOUR.contenders))
    assert len({trial.match_id for trial in trials}) == 1
    assert len({trial.trial_id for trial in trials}) == 4
    order = sorted(
        (one.started_s, one.started_s + one.wall_s, trial.seat, one.place)
        for trial in trials
        for one in trial.rounds
    )
    assert all(end_s <= start_s for (_, end_s, *_), (start_s, *_) in pairwise(order))
    block = order[:16]
    assert [place for *_, place in block] == [0, 1, 2, 3] * 4
    assert set(Counter((seat, place) for _, _, seat, place in block).values()) == {1}


def test_the_rounds_are_planned_for_the_fastest_of_all(run):
    trials = run({"epoch_s": 0.2}, {"epoch_s": 0.025}, FOUR)
    # 0.01 s and a quarter of an epoch of the faster, in steps of a tenth of an epoch.
    assert {trial.rounds[0].samples for trial in trials} == {500}


def test_one_of_four_that_fails_leaves_the_others_to_finish(run):
    # Only the contenders of batch size 50 are told to fail.
    odd = Contender(
        framework="pytorch",
        case=Case(
            workload=Workload(dataset=Dataset.SYNTHETIC, batch_size=50, train_samples=1000, epochs=300),
            device="cpu",
            mode=Mode.LOOP,
        ),
    )
    match = Match(contenders=(*FOUR.contenders[:3], odd), replicate=0)
    trials = run({"train_s": 0.02}, {"train_s": 0.02, "events": {"start 50": "kill"}}, match)
    assert [trial.failure is None for trial in trials] == [True, True, True, False]
    shown = Ratios(trials)
    assert shown.log_ratio(0, 2) is not None
    assert shown.log_ratio(0, 3) is None


def test_interrupted_it_keeps_what_all_have_measured(run):
    class Impatient(Silent):
        def turn_done(self, match, *, done, rounds):
            if done == 2:
                raise KeyboardInterrupt

    with pytest.raises(Interrupted) as interrupted:
        run({"train_s": 0.02}, {"train_s": 0.02}, FOUR, observer=Impatient())
    trials = interrupted.value.trials
    assert [(trial.failure.kind, len(trial.rounds)) for trial in trials] == [("interrupted", 2)] * 4


def test_ratios_of_every_three_of_four_contenders_close(run):
    shown = Ratios(run({"train_s": 0.002}, {"train_s": 0.003}, FOUR, enough_s=0.05))
    for a, b, c in permutations(FOUR.seats, 3):
        around = shown.log_ratio(a, b) + shown.log_ratio(b, c) + shown.log_ratio(c, a)
        assert math.exp(around) == pytest.approx(1, abs=1e-9)


def test_ratios_of_four_contenders_close_as_they_are_stored(run, tmp_path):
    store = Store(tmp_path / "results")
    store.prepare()
    store.save_run({"run_id": "run", "status": "finished"})
    for replicate in range(3):
        match = replace(FOUR, replicate=replicate)
        store.save_match(run({"train_s": 0.002}, {"train_s": 0.003}, match, enough_s=0.05))
    frames = read(store.folder)
    found = effects(frames.trials, frames.rounds)
    names = [one.id for one in FOUR.contenders]
    assert set(found["contender"]) == set(names)
    log_ratio = {
        two: ratios(found, "contender", *two)["log_ratio"].to_numpy() for two in permutations(names, 2)
    }
    for a, b, c in permutations(names, 3):
        around = log_ratio[a, b] + log_ratio[b, c] + log_ratio[c, a]
        assert around.shape == (3,)
        assert np.exp(around) == pytest.approx(1, abs=1e-9)


def test_more_contenders_than_memory_holds_meet_in_parts_that_share_the_first(run, monkeypatch):
    monkeypatch.setattr(engine, "room_for", lambda seats, gpu, beside_bytes: 3 - len(seats))
    trials = run({"train_s": 0.02}, {"train_s": 0.02}, FOUR, enough_s=0.05)
    parts = [[trial.seat for trial in trials if trial.part == part] for part in (0, 1)]
    assert [len(part) for part in parts] == [3, 2]
    assert set(parts[0]) & set(parts[1]) == {0}
    assert set(parts[0]) | set(parts[1]) == set(FOUR.seats)
    assert len({trial.match_id for trial in trials}) == 2
    assert len({trial.trial_id for trial in trials}) == 5
    shown = Ratios(trials)
    assert shown.parts == 2
    apart, other = (next(seat for seat in part if seat != 0) for part in parts)
    through_the_first = shown.log_ratio(apart, 0) + shown.log_ratio(0, other)
    assert shown.log_ratio(apart, other) == pytest.approx(through_the_first)


def test_two_contenders_meet_however_little_memory_there_is(run, monkeypatch):
    monkeypatch.setattr(engine, "room_for", lambda seats, gpu, beside_bytes: 0)
    trials = run({"train_s": 0.02}, {"train_s": 0.02}, enough_s=0.05)
    assert [trial.seat for trial in trials] == [0, 1]


@pytest.mark.parametrize(
    ("given", "forked"), [({}, 0), ({"chosen": (0, 1)}, 0), ({"pilot": True}, 2), ({"learning": True}, 2)]
)
def test_only_what_judges_no_speed_is_forked(run, fork_servers, monkeypatch, given, forked):
    """A match that has a verdict needs processes of its own (decision 0008)."""
    asked, worker = [], fork_servers.worker

    def noted(framework, *surroundings):
        asked.append(framework)
        return worker(framework, *surroundings)

    monkeypatch.setattr(fork_servers, "worker", noted)
    short = replace(WORK, epochs=2)
    case = replace(TWO.case, workload=short)
    trials = run({"epoch_s": 0.05}, {"epoch_s": 0.05}, replace(between(case, replicate=0), **given))
    assert [trial.failure for trial in trials] == [None, None]
    assert len(asked) == forked


FAST = {"epoch_s": 0.001, "flop_per_s": 1e10, "bytes_per_s": 1e10}


def learning(run, tensorflow, pytorch, replicate=0):
    case = replace(TWO.case, workload=replace(TWO.case.workload, epochs=2))
    match = replace(between(case, replicate=replicate), learning=True)
    return run(tensorflow, pytorch, match, speed_only=False)


def test_each_worker_of_a_first_whole_training_is_asked_what_its_device_can_do(run):
    for trial in learning(run, FAST, FAST):
        assert trial.peak.reason is None
        assert 0 < trial.peak.flop_per_s <= 1e10
        row, _ = rows_of(trial)
        assert (row["peak_flop_per_s"], row["peak_bytes_per_s"]) == (
            trial.peak.flop_per_s,
            trial.peak.bytes_per_s,
        )
    assert [trial.peak for trial in learning(run, FAST, FAST, replicate=1)] == [None, None]


@pytest.mark.parametrize(("replicate", "asked"), [(0, False), (1, True), (2, False), (6, False)])
def test_the_second_comparison_of_a_case_asks_too_as_trainings_may_find_no_time(run, replicate, asked):
    case = replace(TWO.case, workload=replace(TWO.case.workload, epochs=2))
    trials = run(FAST, FAST, between(case, replicate=replicate), speed_only=False)
    assert [trial.peak is not None for trial in trials] == [asked] * 2


def test_a_framework_without_a_probe_is_on_record_with_the_reason_and_its_training_stands(run):
    tensorflow, pytorch = learning(run, {"epoch_s": 0.001}, FAST)
    assert tensorflow.failure is None
    assert tensorflow.peak == Peak(
        flop_per_s=None,
        bytes_per_s=None,
        reason="harness.frameworks.scripted.Scripted offers no probe of its device",
    )
    assert pytorch.peak.reason is None


def test_a_probe_that_raises_fails_no_trial(run):
    broken, _ = learning(run, FAST | {"events": {"multiply": "raise"}}, FAST)
    assert broken.failure is None
    assert broken.host_peak_bytes > 0
    assert broken.peak.reason == "RuntimeError: scripted to fail at multiply"
