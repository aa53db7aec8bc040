"""What older versions wrote is read in the words of this one."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.analysis.agreement import agreement
from harness.analysis.calibration import calibration
from harness.analysis.certified import certified
from harness.analysis.comparable import obstacles
from harness.analysis.compare import compare
from harness.analysis.explanation import explanation
from harness.analysis.time_to_accuracy import time_to_accuracy
from harness.analysis.verdicts import control, verdicts
from harness.report.pages.summary import write_page
from harness.store import certificates, migration
from harness.store.portable import pack, unpack
from harness.store.reader import read, run_ids
from harness.store.schema import CERTIFICATES, ROUNDS, RUNS, TRIALS
from harness.store.tables import read_tables
from harness.work.changes import WHOLE

# A run of scripted frameworks, with a calibration and an explanation, as the harness wrote it in schema 4: a
# match was a pair of sides a and b. What named the machine is taken out.
SCHEMA_4 = Path(__file__).with_name("schema_4")

OLD = {
    "schema_version": 3, "certificate_id": "old", "case_id": "c", "device": "cpu", "mode": "loop",
    "precision": "fp32", "dataset": "mnist", "synthetic": False, "batch_size": 64, "epochs": 5,
    "train_samples": 60_000, "seed": 0, "certificate_holds": False, "wall_s": 9.5,
}  # fmt: skip
ASKED = {
    "finding": 0, "check": "epoch", "quantity": "steps", "expected": "938", "tensorflow": "938",
    "pytorch": "937", "difference": None, "bound": None, "meaning": "equal", "holds": False,
}  # fmt: skip
COMPARED = {
    "finding": 1, "check": "evaluation", "quantity": "test loss", "expected": None, "tensorflow": "2.3",
    "pytorch": "2.4", "difference": 0.04, "bound": 1e-5, "meaning": "relative", "holds": True,
}  # fmt: skip


@pytest.fixture
def results(tmp_path):
    """A folder with a run of an older version and its certificate."""
    for name in ("runs", "trials", "rounds", certificates.FOLDER):
        (tmp_path / name).mkdir()
    run = {"schema_version": 3, "run_id": "r", "status": "finished", "certificate_ids": ["old"]}
    pq.write_table(pa.Table.from_pylist([run], schema=RUNS), tmp_path / "runs" / "r.parquet")
    findings = pa.Table.from_pylist([OLD | ASKED, OLD | COMPARED])
    pq.write_table(findings, tmp_path / certificates.FOLDER / "old.parquet")
    return tmp_path


def test_a_finding_of_two_frameworks_becomes_one_of_each(results):
    rows = read(results).certificates
    assert list(rows.columns) == CERTIFICATES.names
    told = rows[["framework", "check", "expected", "found"]].itertuples(index=False, name=None)
    assert list(told) == [
        ("tensorflow", "epoch", "938", "938"),
        ("pytorch", "epoch", "938", "937"),
        ("tensorflow", "evaluation", "2.4", "2.3"),
        ("pytorch", "evaluation", "2.3", "2.4"),
    ]


def test_an_old_certificate_that_failed_names_the_check_and_what_was_found(results):
    (case,) = certified(read(results).certificates).itertuples()
    assert (case.holds, case.failed_check) == (False, "epoch")
    assert case.reason == "pytorch: steps: 937, asked 938"


def test_findings_of_today_are_left_as_they_are():
    row = {"framework": "pytorch", "found": "7", "hidden": "512x512", "workers": 2}
    assert migration.finding_rows([row]) == [row]


def test_a_run_with_an_old_certificate_is_brought_into_another_folder(results, tmp_path):
    there = tmp_path / "there"
    for name in ("runs", "trials", "rounds"):
        (there / name).mkdir(parents=True)
    packed = pack(results, "r")
    packed[certificates.FOLDER] = [OLD | ASKED, OLD | COMPARED]
    assert unpack(packed, there) == "r"
    brought = read(there).certificates
    assert list(brought["framework"]) == ["tensorflow", "pytorch"] * 2
    assert set(brought["hidden"]) == {"128"}


def test_a_pair_of_schema_4_is_a_match_of_two_seats():
    frames = read(SCHEMA_4)
    for trials, rounds in ((frames.trials, frames.rounds), (frames.controls, frames.control_rounds)):
        assert set(trials["seat"]) == set(rounds["seat"]) == {0, 1}
        assert (trials.groupby("match_id").size() == 2).all()
        assert set(rounds["match_id"]) == set(trials["match_id"])
    (case_id,) = frames.trials["case_id"].unique()
    assert set(frames.trials["contender"]) == {f"tensorflow/{case_id}", f"pytorch/{case_id}"}


def test_what_was_written_before_there_were_others_had_a_hidden_layer_of_128_units_and_one_worker():
    frames = read(SCHEMA_4)
    tables = read_tables(SCHEMA_4, *run_ids(SCHEMA_4))
    for rows in (
        frames.trials,
        frames.certificates,
        *(tables[name].to_pandas() for name in ("trials", "rounds")),
    ):
        assert set(rows["hidden"]) == {"128"}
        assert set(rows["workers"]) == {1}


def test_tables_of_schema_4_are_handed_on_in_todays_columns():
    tables = read_tables(SCHEMA_4, *run_ids(SCHEMA_4))
    assert tables["trials"].schema.names == TRIALS.names
    assert tables["rounds"].schema.names == ROUNDS.names
    places = tables["rounds"].to_pandas().groupby(["match_id", "phase", "round_index"])["place"]
    assert places.apply(sorted).map(lambda held: held == [0, 1]).all()


def test_a_run_of_schema_4_is_judged_by_the_turns_of_its_pairs():
    frames = read(SCHEMA_4)
    row = (
        verdicts(frames.trials, frames.rounds, certified(frames.certificates)).set_index("phase").loc["train"]
    )
    written = pd.read_parquet(SCHEMA_4 / "rounds")
    settled = written[(written["phase"] == "train") & (written["role"] == "comparison") & ~written["warm_up"]]
    turns = settled.pivot_table(index=["pair_id", "round_index"], columns="framework", values="wall_s")
    medians = np.log(turns["pytorch"] / turns["tensorflow"]).groupby("pair_id").median()
    assert row["speed_ratio"] == pytest.approx(np.exp(medians.mean()))
    assert row["replicates"] == 5
    assert control(frames.controls, frames.control_rounds).interval.replicates == 5


def test_what_a_run_of_schema_4_learned_is_seen_in_its_comparisons():
    frames = read(SCHEMA_4)
    assert list(frames.learned["trial_id"]) == list(frames.trials["trial_id"])
    (row,) = agreement(frames.learned, frames.learned_rounds).itertuples()
    assert row.replicates == 5
    reached = time_to_accuracy(frames.learned, frames.learned_rounds, frames.trials)
    assert list(reached["seeds"]) == [5, 5]


def test_a_run_of_schema_4_is_compared_with_one_of_today(tmp_path):
    for name in ("runs", "trials", "rounds"):
        (tmp_path / name).mkdir()
    unpack(pack(SCHEMA_4, *run_ids(SCHEMA_4)), tmp_path)
    then, now = read(SCHEMA_4), read(tmp_path)
    assert list(obstacles(then, now)) == []
    found = compare(then.trials, now.trials)
    assert found["speed_ratio"].to_numpy() == pytest.approx(1)


def test_rows_that_schema_4_packed_are_brought_in(tmp_path):
    for name in ("runs", "trials", "rounds"):
        (tmp_path / name).mkdir()
    (run_id,) = run_ids(SCHEMA_4)
    packed = {"schema_version": 4, "run_id": run_id, certificates.FOLDER: []}
    packed |= {name: pq.read_table(SCHEMA_4 / name).to_pylist() for name in ("runs", "trials", "rounds")}
    for rows in (packed["runs"], packed["trials"]):
        for row in rows:
            row.update({name: at.isoformat() for name, at in row.items() if isinstance(at, datetime)})
    unpack(packed, tmp_path)
    there, here = read(tmp_path), read(SCHEMA_4)
    for name in ("trials", "rounds", "controls", "control_rounds"):
        columns = ["match_id", "seat"]
        assert getattr(there, name)[columns].equals(getattr(here, name)[columns])


def test_a_calibration_of_schema_4_is_called_in_todays_words():
    frames = read(SCHEMA_4)
    assert "first faster" in set(frames.attempts["says"])
    assert not frames.attempts["says"].str.fullmatch("[ab] faster").any()
    summed = calibration(frames.attempts)
    assert (summed["first_faster"] + summed["second_faster"] + summed["undecided"] == summed["tries"]).all()


def test_an_explanation_of_schema_4_is_summed_up():
    rows = explanation(read(SCHEMA_4).changes).set_index("name")
    assert rows.loc[WHOLE, "walks"] == 2
    assert rows.loc["batch size", "speed"] > 0


@pytest.mark.slow
def test_a_folder_with_runs_of_both_schemas_is_drawn(tmp_path):
    folder = tmp_path / "results"
    shutil.copytree(SCHEMA_4, folder)
    page = write_page(read(folder), tmp_path / "reports").read_text(encoding="utf-8")
    assert "TensorFlow" in page
    assert "one framework against itself" in page.lower()
