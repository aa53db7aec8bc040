"""One replicate by itself: the rounds that its sides share, and when it has trained enough."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from harness.engine.conditions import Conditions
from harness.engine.replicate import pair_log_ratio, run_pair
from harness.settings.grid import Pair
from harness.work.records import Phase
from harness.work.workload import Case, Dataset, Mode, Workload
from tests.engine.test_runner import Silent

pytestmark = pytest.mark.slow

WORK = Workload(dataset=Dataset.SYNTHETIC, batch_size=100, train_samples=1000, epochs=300)
PAIR = Pair(case=Case(workload=WORK, device="cpu", mode=Mode.LOOP), replicate=0)


@pytest.fixture
def run(tmp_path, synthetic_root, monkeypatch):
    """Run a pair with scripted sides, each training for `enough_s` seconds."""

    def measure(tensorflow, pytorch, *, enough_s=0.2, together=True, known=None, data_root=synthetic_root):
        for framework, script in (("TENSORFLOW", tensorflow), ("PYTORCH", pytorch)):
            monkeypatch.setenv(f"EVENMATCH_ADAPTER_{framework}", "harness.frameworks.scripted")
            monkeypatch.setenv(f"EVENMATCH_SCRIPT_{framework}", json.dumps(script))
        conditions = Conditions(
            run_id="run",
            data_root=data_root,
            logs=tmp_path,
            compile_cache=tmp_path,
            threads=1,
            together=together,
            round_s=0.01,
            timeout_s=30,
            certificates={},
            enough_s=enough_s,
            speed_only=True,
        )
        return run_pair(PAIR, conditions, Silent(), known)

    return measure


@pytest.mark.parametrize("together", [True, False])
def test_both_sides_train_for_long_enough_and_in_the_same_rounds(run, together):
    a, b = run({"epoch_s": 0.05}, {"epoch_s": 0.1}, together=together)
    for trial in (a, b):
        assert sum(one.wall_s for one in trial.rounds) >= 0.2
    assert [one.samples for one in a.rounds] == [one.samples for one in b.rounds]
    assert all(one.phase is Phase.TRAIN for one in a.rounds)
    assert pair_log_ratio(a, b) == pytest.approx(math.log(2), rel=0.1)


def test_data_in_a_folder_that_is_named_from_where_the_user_works_is_found(run, synthetic_root, monkeypatch):
    monkeypatch.chdir(synthetic_root.parent)
    for trial in run({"train_s": 0.05}, {"train_s": 0.05}, data_root=Path(synthetic_root.name)):
        assert trial.failure is None


def test_a_side_that_fails_does_not_leave_the_other_training_without_end(run):
    a, b = run({"train_s": 0.05}, {"train_s": 0.05, "events": {"train 2": "raise"}})
    assert b.failure.kind == "raised"
    assert a.failure is None
    assert 4 <= len(a.rounds) <= 6
    assert pair_log_ratio(a, b) is None


def test_the_rounds_of_a_kind_of_pair_are_settled_by_the_first_in_which_both_sides_start(run):
    known = {}
    run({"epoch_s": 0.1, "events": {"start": "raise"}}, {"epoch_s": 0.1}, known=known)
    assert known == {}
    run({"epoch_s": 0.1}, {"epoch_s": 0.1}, known=known)
    settled = known[PAIR.kind]
    a, _ = run({"epoch_s": 0.02}, {"epoch_s": 0.02}, known=known)
    assert known == {PAIR.kind: settled}
    assert a.rounds[0].samples == settled.train[0][0].last
