"""Runs of other hosts are brought in whole, each once; of two attempts the one that measured more."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.errors import ResultsUnusable
from harness.store.holding import held
from harness.store.inspection import inspect
from harness.store.merging import bring
from harness.store.reader import read, read_attempts
from harness.store.schema import CALIBRATION
from harness.store.writer import Store
from harness.work.found import Attempt
from harness.work.records import INTERRUPTED, Failure
from tests.store.test_writer import trial


@pytest.fixture
def host(tmp_path):
    """Makes the results folder of a host that has measured so many matches of a shard."""

    def make(name, matches, *, run_id="p-s0001", status="finished", gathered=True, cut_short=False):
        store = Store(tmp_path / name)
        store.prepare()
        counted = {"trials_ok": 2 * matches, "trials_failed": 0}
        store.save_run({"run_id": run_id, "status": status, "hostname": name, "plan_id": "p"} | counted)
        for number in range(matches):
            match = f"{run_id}-m{number}"
            failed = Failure(kind=INTERRUPTED, reason="Ctrl-C") if cut_short and not number else None
            one = replace(trial(), run_id=run_id, match_id=match, trial_id=f"{match}-0", failure=failed)
            store.save_match([one, replace(one, seat=1, trial_id=f"{match}-1")])
        if gathered:
            store.gather(run_id)
        return store.folder

    return make


def hosts_and_trials(folder):
    frames = read(folder, ["all"])
    assert frames.trials["trial_id"].is_unique
    assert [one.says for one in inspect(folder) if one.is_harm] == []
    return list(frames.runs["hostname"]), len(frames.trials)


@pytest.mark.parametrize("gathered", [True, False])
def test_shards_of_two_hosts_become_two_runs_of_one_results_folder(host, tmp_path, gathered):
    one = host("one", 3, gathered=gathered)
    other = host("other", 2, run_id="p-s0002", gathered=gathered)
    brought = [*bring(one, tmp_path / "all"), *bring(other, tmp_path / "all")]
    assert [said.says for said in brought] == ["brought in, 3 matches", "brought in, 2 matches"]
    assert hosts_and_trials(tmp_path / "all") == (["one", "other"], 10)
    assert len(pd.read_parquet(tmp_path / "all" / "trials")) == 10


def test_a_run_whose_tables_lack_what_its_row_tells_of_is_refused_and_found(host, tmp_path):
    one = host("one", 3)
    (one / "trials" / "p-s0001.parquet").unlink()
    with pytest.raises(ResultsUnusable, match="run p-s0001 lacks 6 of the trials that its row tells of"):
        bring(one, tmp_path / "all")
    assert any("6 of the trials that its row tells of are not here" in found.says for found in inspect(one))


def test_a_file_of_a_run_with_no_row_or_two_is_no_crash(host, tmp_path):
    one = host("one", 3)
    row = pq.read_table(one / "runs" / "p-s0001.parquet")
    for rows in (row.slice(0, 0), pa.concat_tables([row, row])):
        pq.write_table(rows, one / "runs" / "p-s0001.parquet")
        with suppress(ResultsUnusable):
            bring(one, tmp_path / f"of-{len(rows)}")
        assert any("where a run has one" in found.says for found in inspect(one))


def test_bringing_it_in_again_changes_nothing(host, tmp_path):
    one = host("one", 3)
    bring(one, tmp_path / "all")
    (again,) = bring(one, tmp_path / "all")
    assert again.says == "is here already, with 3 matches; nothing was changed"
    assert hosts_and_trials(tmp_path / "all") == (["one"], 6)


@pytest.mark.parametrize("first_gathered", [True, False])
def test_of_two_hosts_with_one_shard_the_attempt_with_more_counts_alone(host, tmp_path, first_gathered):
    dead = host("dead", 2, status="running", gathered=first_gathered)
    whole = host("whole", 4)
    for order in ([dead, whole], [whole, dead]):
        target = tmp_path / f"all-{order[0].name}"
        for folder in order:
            bring(folder, target)
        assert hosts_and_trials(target) == (["whole"], 8)


def test_an_attempt_that_went_on_takes_the_place_of_its_beginning(host, tmp_path):
    bring(host("one", 3, status="interrupted", cut_short=True), tmp_path / "all")
    (said,) = bring(host("later", 3), tmp_path / "all")
    assert said.says == "brought in, 3 matches, in place of an attempt with 2"
    assert hosts_and_trials(tmp_path / "all") == (["later"], 6)


def test_one_that_finished_counts_before_one_that_did_not_with_as_many_matches(host, tmp_path):
    bring(host("one", 3, status="interrupted"), tmp_path / "all")
    bring(host("two", 3), tmp_path / "all")
    assert hosts_and_trials(tmp_path / "all") == (["two"], 6)


def test_what_is_being_measured_is_not_brought_in(host, tmp_path):
    one = host("one", 1)
    with held(one, "p-s0001"), pytest.raises(ResultsUnusable, match="is being measured"):
        bring(one, tmp_path / "all")


def test_a_folder_without_runs_is_refused_by_name(tmp_path):
    with pytest.raises(ResultsUnusable, match="empty: holds no runs"):
        bring(tmp_path / "empty", tmp_path / "all")


def test_a_plans_name_means_the_runs_of_all_its_shards(host, tmp_path):
    for number in (1, 2):
        bring(host(f"h{number}", 1, run_id=f"p-s000{number}"), tmp_path / "all")
    bring(host("alone", 1, run_id="q"), tmp_path / "all")
    assert set(read(tmp_path / "all", ["p"]).runs["run_id"]) == {"p-s0001", "p-s0002"}


def test_calibrations_come_along_each_try_once(host, tmp_path):
    one = host("one", 1)
    tried = Attempt(
        calibration_id="20260101T000000-abcd",
        number=0,
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        case_id="a-case",
        framework="pytorch",
        planted_share=0.0,
        way="taking turns",
        says="inconclusive",
        ratio=1.0,
        ratio_low=0.9,
        ratio_high=1.1,
        replicates=6,
        rounds=24,
        measured_s=1.0,
        wall_s=2.0,
    )
    Store(one / CALIBRATION).save_attempts([tried], {"hostname": "one"})
    for _ in range(2):
        bring(one, tmp_path / "all")
    assert list(read_attempts(tmp_path / "all")["hostname"]) == ["one"]
    frames = read(tmp_path / "all", ["all"])
    assert list(frames.calibrations["calibration_id"]) == ["20260101T000000-abcd"]
