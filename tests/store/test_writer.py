"""What is written is typed, whole, and readable by whoever opens the folder."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.errors import ResultsUnusable
from harness.settings.matches import between
from harness.store import tables, writer
from harness.store.holding import held
from harness.store.reader import read, run_ids
from harness.store.schema import CALIBRATION, ROUNDS, RUNS, SCHEMA_VERSION, TRIALS
from harness.store.writer import Store
from harness.work.records import (
    INTERRUPTED,
    AllocatorUse,
    Failure,
    Latency,
    Phase,
    Role,
    Round,
    Startup,
    Trial,
)
from harness.work.workload import Case, Mode, Workload


def one_round(phase=Phase.TRAIN, index=0, wall_s=2.0, accuracy=None):
    return Round(
        phase=phase,
        index=index,
        epoch=index + 1,
        place=0,
        samples=60_000,
        steps=938,
        started_s=10.0,
        wall_s=wall_s,
        cpu_s=1.5,
        idle_cpu_s=0.0,
        loss=0.3,
        accuracy=accuracy,
    )


def trial(run_id="r1", framework="pytorch", rounds=None, failure=None):
    if rounds is None:
        rounds = (one_round(), one_round(Phase.EVALUATE, accuracy=0.97))
    return Trial(
        run_id=run_id,
        match_id=f"{run_id}-m",
        trial_id=f"{run_id}-m-{framework}",
        role=Role.COMPARISON,
        seat=0 if framework == "tensorflow" else 1,
        case=Case(workload=Workload(), device="cpu", mode=Mode.LOOP),
        framework=framework,
        planted_share=0.0,
        replicate=0,
        seed=0,
        threads=1,
        started_at=datetime.now(UTC),
        wall_s=9.0,
        startup=Startup(import_s=1.0, data_s=2.0, build_s=3.0, first_step_s=4.0),
        rounds=rounds,
        latencies=(),
        parameter_count=101_770,
        host_peak_bytes=1_000_000,
        gpu=None,
        gpu_reason="the device is a CPU",
        effective={"version": "1.0"},
        digests={},
        certificate=None,
        failure=failure,
        log_path="log",
    )


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "results")
    made.prepare()
    return made


def test_pandas_reads_the_folder_as_one_tidy_table(store):
    store.save_match([trial(framework="pytorch"), trial(framework="tensorflow")])
    table = pd.read_parquet(store.folder / "trials")
    assert sorted(table["framework"]) == ["pytorch", "tensorflow"]
    assert set(table.columns) == set(TRIALS.names)
    assert table["startup_s"].eq(10.0).all()
    assert table["train_samples_per_s"].eq(30_000).all()
    assert table["gpu_peak_bytes"].isna().all()
    assert table["gpu_peak_reason"].eq("the device is a CPU").all()


def test_duckdb_reads_the_same_folder(store):
    store.save_match([trial()])
    found = duckdb.sql(f"select framework from read_parquet('{store.folder}/trials/*.parquet')").fetchall()
    assert found == [("pytorch",)]


def test_a_failed_trial_is_a_row_with_nulls_not_zeros(store):
    store.save_match([trial(rounds=(), failure=Failure(kind="died", reason="it was ended by SIGKILL"))])
    (row,) = pd.read_parquet(store.folder / "trials").to_dict("records")
    assert row["status"] == "failed"
    assert row["failure_reason"] == "it was ended by SIGKILL"
    for column in ("train_s", "train_samples_per_s", "final_accuracy", "eval_samples_per_s"):
        assert pd.isna(row[column])


def test_the_spread_of_one_round_is_null_and_of_several_their_quartiles(store):
    store.save_match([trial()])
    assert pd.read_parquet(store.folder / "trials")["train_samples_per_s_q1"].isna().all()
    speeds_s = [1.0, 2.0, 3.0, 4.0, 5.0]
    store.save_match([trial(rounds=tuple(one_round(index=i, wall_s=s) for i, s in enumerate(speeds_s)))])
    (row,) = pd.read_parquet(store.folder / "trials").to_dict("records")
    speeds = pd.Series([60_000 / s for s in speeds_s])
    assert row["train_samples_per_s_q1"] == speeds.quantile(0.25)
    assert row["train_samples_per_s_q3"] == speeds.quantile(0.75)


def test_every_file_carries_the_schema_version(store):
    store.save_match([trial()])
    for folder, schema in (("trials", TRIALS), ("rounds", ROUNDS)):
        (path,) = (store.folder / folder).glob("*.parquet")
        written = pq.read_schema(path)
        assert written.metadata[b"evenmatch_schema_version"] == str(SCHEMA_VERSION).encode()
        assert written.remove_metadata().equals(schema)


def test_files_of_the_first_schema_are_read_with_nulls_for_what_it_lacked(store):
    store.save_run({"run_id": "r1", "status": "finished"})
    store.save_match([trial()])
    for folder, later in (("trials", ["role", "seat", "latency_one_p50_s"]), ("rounds", ["role", "warm_up"])):
        (path,) = (store.folder / folder).glob("*.parquet")
        pq.write_table(pq.read_table(path).drop_columns(later), path)
    frames = read(store.folder)
    assert len(frames.trials) == 1
    assert frames.trials["role"].isna().all()
    assert frames.rounds["warm_up"].isna().all()
    assert frames.controls.empty


def test_controls_are_kept_apart_from_what_is_compared(store):
    store.save_run({"run_id": "r1", "status": "finished"})
    store.save_match([trial(framework="pytorch")])
    store.save_match([replace(trial(framework="tensorflow"), role=Role.CONTROL, match_id="r1-control")])
    frames = read(store.folder)
    assert list(frames.trials["framework"]) == ["pytorch"]
    assert list(frames.controls["framework"]) == ["tensorflow"]
    assert set(frames.control_rounds["framework"]) == {"tensorflow"}


def test_warm_up_is_stored_and_left_out_of_the_throughput(store):
    slow = replace(one_round(index=0, wall_s=20.0), warm_up=True)
    store.save_match([trial(rounds=(slow, one_round(index=1), one_round(index=2)))])
    (row,) = pd.read_parquet(store.folder / "trials").to_dict("records")
    assert row["train_samples_per_s"] == row["train_samples_per_s_q1"] == 30_000
    assert (row["train_rounds"], row["train_warm_up_rounds"]) == (3, 1)
    assert pd.read_parquet(store.folder / "rounds")["warm_up"].tolist() == [True, False, False]


def test_like_is_stored_beside_like_and_what_an_allocator_does_not_say_is_null_with_its_reason(store):
    silent = "TensorFlow does not say what its allocator has reserved"
    told = AllocatorUse(peak_in_use_bytes=5, peak_reserved_bytes=None, reason=silent)
    store.save_match([replace(trial(rounds=(replace(one_round(), device_s=1.9),)), allocator=told)])
    store.save_match([trial("r2", failure=Failure(kind="died", reason="it ended"))])
    store.save_run({"run_id": "r1"})
    store.save_run({"run_id": "r2"})
    frames = read(store.folder, ["r1", "r2"])
    measured, ended = frames.trials.to_dict("records")
    assert measured["allocator_peak_in_use_bytes"] == 5
    assert np.isnan(measured["allocator_peak_reserved_bytes"])
    assert measured["allocator_reason"] == silent
    assert ended["allocator_reason"] == "the trial ended before it could be asked"
    assert list(pd.read_parquet(store.folder / "rounds")["device_s"].dropna()) == [1.9]


def test_a_round_is_read_without_the_columns_that_no_report_shows(store):
    many = (one_round(),) * 5_000
    store.save_match([trial(rounds=many)])
    store.save_run({"run_id": "r1"})
    read_bytes = read(store.folder, ["r1"]).rounds.memory_usage(deep=True, index=False).sum()
    assert read_bytes / len(many) < 160


def test_latencies_become_columns_and_what_was_not_asked_is_null(store):
    asked = Latency(batch_size=1, calls=100, p50_s=0.001, p95_s=0.002, p99_s=0.003)
    store.save_match([replace(trial(), latencies=(asked,))])
    (row,) = pd.read_parquet(store.folder / "trials").to_dict("records")
    assert (row["latency_one_calls"], row["latency_one_p99_s"]) == (100, 0.003)
    assert pd.isna(row["latency_batch_p50_s"])


def test_a_half_written_file_is_not_seen(store):
    store.save_match([trial()])
    (store.folder / "trials" / ".r1-other.parquet.123").write_bytes(b"PAR1 and no more")
    assert len(pd.read_parquet(store.folder / "trials")) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ResultsUnusable, match="cannot be written"):
        Store(tmp_path / "results").prepare()


def test_a_file_in_the_folders_place_is_refused_by_name(tmp_path):
    (tmp_path / "results").write_text("not a folder")
    with pytest.raises(ResultsUnusable, match=r"RESULTS=.*results: cannot be written"):
        Store(tmp_path / "results").prepare()


def test_runs_are_read_by_name_latest_or_all(store):
    for run_id in ("20260101T000000-aa", "20260102T000000-bb"):
        store.save_run({"run_id": run_id, "status": "running"})
        store.save_run({"run_id": run_id, "status": "finished"})
        store.save_match([trial(run_id=run_id)])
    assert run_ids(store.folder) == ["20260101T000000-aa", "20260102T000000-bb"]
    assert list(read(store.folder).runs["run_id"]) == ["20260102T000000-bb"]
    assert list(read(store.folder, ["20260101T000000-aa"]).trials["run_id"]) == ["20260101T000000-aa"]
    everything = read(store.folder, ["all"])
    assert len(everything.trials) == len(everything.runs) == 2
    assert set(everything.runs["status"]) == {"finished"}
    assert set(everything.runs.columns) == set(RUNS.names)


@pytest.mark.parametrize(("hostname", "told"), [("here", [0.9]), ("elsewhere", [])])
def test_what_workers_lose_beside_others_is_read_as_last_measured_where_the_run_was(store, hostname, told):
    here = {"hostname": "here", "cpu_model": "one", "cpu_usable": 2}
    elsewhere = here | {"hostname": "far away"}
    store.save_match([trial()])
    store.save_run({"run_id": "r1"} | here)
    residing = Store(store.folder / CALIBRATION)
    for name, speed_ratio in (("20260101-a", 0.8), ("20260102-a", 0.9)):
        row = {"framework": "pytorch", "batch_size": 64, "replicate": 0, "partners": 1}
        residing.save_residents(name, [row | {"speed_ratio": speed_ratio}], here | {"hostname": hostname})
    # What was measured later on another machine hides nothing.
    residing.save_residents("20260103-a", [row | {"speed_ratio": 0.7}], elsewhere)
    assert read(store.folder).residents["speed_ratio"].tolist() == told


def test_an_unknown_run_is_named_with_what_there_is(store):
    store.save_run({"run_id": "r1", "status": "finished"})
    with pytest.raises(ResultsUnusable, match=r"run r9: not in .*; it holds r1; `latest` and `all`"):
        read(store.folder, ["r9"])


def test_a_folder_without_runs_says_how_to_make_one(tmp_path):
    with pytest.raises(ResultsUnusable, match="make bench"):
        read(tmp_path)


def test_a_damaged_file_is_named(store):
    store.save_run({"run_id": "r1", "status": "finished"})
    (store.folder / "trials" / "r1-x.parquet").write_bytes(b"not parquet")
    with pytest.raises(ResultsUnusable, match=r"r1-x\.parquet: cannot be read"):
        read(store.folder)


def test_a_file_of_a_newer_version_is_refused(store):
    store.save_run({"run_id": "r1", "status": "finished"})
    path = store.folder / "runs" / "r1.parquet"
    table = pq.read_table(path).to_pydict()
    table["schema_version"] = [99]
    pq.write_table(pa.table(table, schema=RUNS), path)
    with pytest.raises(ResultsUnusable, match="written with schema 99"):
        read(store.folder)


def test_a_run_that_has_ended_is_one_file_a_table_and_reads_the_same(store):
    store.save_match([trial(framework=framework) for framework in ("tensorflow", "pytorch")])
    store.save_run({"run_id": "r1"})
    before = read(store.folder, ["r1"])
    store.gather("r1")
    for name in ("trials", "rounds"):
        assert [path.name for path in (store.folder / name).iterdir()] == ["r1.parquet"]
    after = read(store.folder, ["r1"])
    keys = ["trial_id", "phase", "round_index"]
    pd.testing.assert_frame_equal(after.trials.sort_values("trial_id"), before.trials.sort_values("trial_id"))
    pd.testing.assert_frame_equal(after.rounds[keys].astype(str), before.rounds[keys].astype(str))


def test_gathering_that_was_cut_short_counts_nothing_twice_and_is_finished_by_the_next_run(store):
    """The whole file is in place, and the parts are still there, as after a power cut between the two."""
    store.save_match([trial()])
    store.save_run({"run_id": "r1"})
    parts = {name: next((store.folder / name).iterdir()) for name in ("trials", "rounds")}
    contents = {name: path.read_bytes() for name, path in parts.items()}
    store.gather("r1")
    for name, path in parts.items():
        path.write_bytes(contents[name])
    assert len(read(store.folder, ["r1"]).trials) == 1
    Store(store.folder).prepare()
    assert len(pd.read_parquet(store.folder / "trials")) == 1


def test_gathering_one_run_leaves_the_files_of_others(store):
    for run_id in ("r1", "r2"):
        store.save_match([trial(run_id=run_id)])
        store.save_run({"run_id": run_id})
    store.gather("r1")
    assert sorted(path.name for path in (store.folder / "trials").iterdir()) == [
        "r1.parquet",
        "r2-m.parquet",
    ]
    assert len(read(store.folder, ["all"]).trials) == 2


def interrupted(one):
    return replace(one, failure=Failure(kind=INTERRUPTED, reason="the run was interrupted"))


def test_a_match_that_is_measured_again_stands_in_place_of_what_was_cut_short(store):
    """The run was interrupted, which gathers it, and goes on; killed before it is gathered once more."""
    store.save_run({"run_id": "r1"})
    store.save_match([interrupted(trial(framework=name)) for name in ("tensorflow", "pytorch")])
    other = replace(trial(), match_id="r1-n", trial_id="r1-n-pytorch")
    store.save_match([other])
    store.gather("r1")
    store.save_match([trial(framework=name) for name in ("tensorflow", "pytorch")])
    for _ in range(2):
        frames = read(store.folder, ["r1"])
        assert sorted(frames.trials["trial_id"]) == ["r1-m-pytorch", "r1-m-tensorflow", "r1-n-pytorch"]
        assert set(frames.trials["status"]) == {"ok"}
        assert len(frames.rounds) == 6
        store.gather("r1")
    assert len(pd.read_parquet(store.folder / "trials")) == 3


def test_parts_of_a_run_that_is_being_measured_are_left_to_it(store):
    store.save_run({"run_id": "r1"})
    store.save_match([replace(trial(), match_id="r1-n", trial_id="r1-n-pytorch")])
    store.gather("r1")
    store.save_match([trial()])
    with held(store.folder, "r1"):
        Store(store.folder).prepare()
        assert (store.folder / "trials" / "r1-m.parquet").is_file()
    Store(store.folder).prepare()
    assert not (store.folder / "trials" / "r1-m.parquet").is_file()
    assert len(read(store.folder, ["r1"]).trials) == 2


def test_a_run_that_nobody_finished_was_abandoned_when_its_last_trial_ended(store):
    began = datetime(2026, 11, 29, 12, tzinfo=UTC)
    store.save_run({"run_id": "r1", "status": "running", "started_at": began})
    assert read(store.folder, ["r1"]).runs["status"].tolist() == ["abandoned"]
    store.save_match([replace(trial(), started_at=began + timedelta(minutes=1), wall_s=9.0)])
    (run,) = read(store.folder, ["r1"]).runs.to_dict("records")
    assert (run["status"], run["trials_ok"], run["trials_failed"]) == ("abandoned", 1, 0)
    assert run["finished_at"] == began + timedelta(minutes=1, seconds=9)
    assert run["stopped_because"] == "it was abandoned at 2026-11-29 12:01:09 UTC"
    with held(store.folder, "r1"):
        assert read(store.folder, ["r1"]).runs["status"].tolist() == ["running"]


def test_a_plan_is_a_row_a_match_in_its_order(store):
    case = Case(workload=Workload(), device="cpu", mode=Mode.LOOP)
    store.save_plan("r1", [between(case, replicate) for replicate in (1, 0)])
    table = pd.read_parquet(store.folder / "plans")
    assert table["match_id"].tolist() == [f"r1-{case.id}-r1", f"r1-{case.id}-r0"]
    assert table["place"].tolist() == [0, 1]
    assert [list(names) for names in table["contenders"]] == [
        [f"tensorflow/{case.id}", f"pytorch/{case.id}"]
    ] * 2


def test_many_matches_become_one_file_while_the_run_goes_on_and_read_the_same(store, monkeypatch):
    monkeypatch.setattr(writer, "MANY", 3)
    store.save_run({"run_id": "r1"})
    names = [f"r1-{number}" for number in range(8)]
    for name in names:
        store.save_match([replace(trial(), match_id=name, trial_id=f"{name}-pytorch")])
    assert sorted(path.name for path in (store.folder / "trials").iterdir()) == [
        "r1-6.parquet", "r1-7.parquet", "r1-~00000.parquet", "r1-~00001.parquet",
    ]  # fmt: skip
    for _ in range(2):
        frames = read(store.folder, ["r1"])
        assert sorted(frames.trials["match_id"]) == names
        assert len(frames.rounds) == 2 * len(names)
        store.gather("r1")
    assert [path.name for path in (store.folder / "rounds").iterdir()] == ["r1.parquet"]


def test_where_bundling_was_cut_short_a_match_is_read_once(store, monkeypatch):
    monkeypatch.setattr(writer, "MANY", 2)
    monkeypatch.setattr(writer, "_remove", lambda paths: None)
    store.save_run({"run_id": "r1"})
    for name in ("r1-m", "r1-n"):
        store.save_match([replace(trial(), match_id=name, trial_id=f"{name}-pytorch")])
    assert len(list((store.folder / "trials").iterdir())) == 3
    assert len(read(store.folder, ["r1"]).trials) == 2
    monkeypatch.undo()
    store.gather("r1")
    assert len(pd.read_parquet(store.folder / "trials")) == 2


def test_a_match_in_two_bundles_is_read_once_as_it_was_measured_last(store, monkeypatch):
    """The last of a sitting, bundled as it was cut short, and the run killed before it was gathered."""
    monkeypatch.setattr(writer, "MANY", 2)
    store.save_run({"run_id": "r1"})
    other = replace(trial(), match_id="r1-a", trial_id="r1-a-pytorch")
    store.save_match([other])
    store.save_match([interrupted(trial())])
    store.save_match([trial()])
    store.save_match([replace(trial(), match_id="r1-z", trial_id="r1-z-pytorch")])
    assert len(list((store.folder / "trials").iterdir())) == 2
    for _ in range(2):
        frames = read(store.folder, ["r1"])
        assert sorted(frames.trials["trial_id"]) == ["r1-a-pytorch", "r1-m-pytorch", "r1-z-pytorch"]
        assert set(frames.trials["status"]) == {"ok"}
        store.gather("r1")


def test_a_run_whose_name_begins_with_anothers_keeps_its_files(store):
    for run_id in ("r1", "r1-b"):
        store.save_run({"run_id": run_id})
        store.save_match([trial(run_id=run_id)])
        store.gather(run_id)
    Store(store.folder).prepare()
    assert sorted(path.name for path in (store.folder / "trials").iterdir()) == ["r1-b.parquet", "r1.parquet"]
    assert read(store.folder, ["r1"]).trials["run_id"].tolist() == ["r1"]


def test_a_damaged_file_of_an_old_run_keeps_nobody_from_measuring(store):
    store.save_run({"run_id": "r1"})
    store.save_match([trial()])
    store.gather("r1")
    (store.folder / "rounds" / "r1.parquet").write_bytes(b"")
    Store(store.folder).prepare()
    (store.folder / "rounds" / "r1.parquet").write_bytes(b"PAR1 and no more")
    Store(store.folder).prepare()


def test_a_reader_looks_again_where_files_were_bundled_since_it_listed_them(store, monkeypatch):
    store.save_run({"run_id": "r1"})
    for name in ("r1-m", "r1-n"):
        store.save_match([replace(trial(), match_id=name, trial_id=f"{name}-pytorch")])
    listed = tables.singles

    def then_bundled(folder, run_id):
        found = listed(folder, run_id)
        monkeypatch.setattr(tables, "singles", listed)
        store.gather("r1")
        return found

    monkeypatch.setattr(tables, "singles", then_bundled)
    assert len(read(store.folder, ["r1"]).trials) == 2


def test_a_folder_of_many_runs_is_looked_through_once_for_what_was_cut_short(store, monkeypatch):
    for number in range(50):
        store.save_run({"run_id": f"p-s{number:04d}"})
        store.save_match([trial(run_id=f"p-s{number:04d}")])
        store.gather(f"p-s{number:04d}")
    listed = []
    glob = Path.glob
    monkeypatch.setattr(Path, "glob", lambda path, form: listed.append(form) or glob(path, form))
    store.finish_gathering()
    assert len(listed) == 3
