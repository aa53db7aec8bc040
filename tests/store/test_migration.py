"""What older versions wrote is read in the words of this one."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.analysis.certified import certified
from harness.store import certificates, migration
from harness.store.portable import pack, unpack
from harness.store.reader import read
from harness.store.schema import CERTIFICATES, RUNS

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
    row = {"framework": "pytorch", "found": "7"}
    assert migration.finding_rows([row]) == [row]


def test_a_run_with_an_old_certificate_is_brought_into_another_folder(results, tmp_path):
    there = tmp_path / "there"
    for name in ("runs", "trials", "rounds"):
        (there / name).mkdir(parents=True)
    packed = pack(results, "r")
    packed[certificates.FOLDER] = [OLD | ASKED, OLD | COMPARED]
    assert unpack(packed, there) == "r"
    assert list(read(there).certificates["framework"]) == ["tensorflow", "pytorch"] * 2
