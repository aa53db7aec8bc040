"""Certificates come back from disk as they were, and one line says what a verdict needs."""

from __future__ import annotations

import duckdb
import pandas as pd
import pytest

from harness.errors import NotStored
from harness.parity.certificate import Certificate, Finding
from harness.store import certificates
from harness.store.schema import SCHEMA_VERSION
from harness.work.workload import Case, Mode, Workload

CASE = Case(workload=Workload(), device="cpu", mode=Mode.LOOP)
EXACT = Finding(
    check="epoch",
    quantity="steps",
    expected="938",
    found="937",
    difference=None,
    bound=None,
    meaning="equal to what was asked",
    holds=False,
)
MEASURED = Finding(
    check="evaluation",
    quantity="test loss",
    expected="2.3",
    found="2.3000001",
    difference=4e-8,
    bound=1e-5,
    meaning="largest relative difference",
    holds=True,
)


def certificate(*findings):
    return Certificate(id="abc", case=CASE, framework="pytorch", findings=findings, wall_s=9.5)


def test_a_certificate_is_read_as_it_was_written(tmp_path):
    given = certificate(MEASURED, EXACT)
    certificates.save(tmp_path, given)
    assert certificates.load(tmp_path, "abc", CASE) == given


def test_every_finding_is_a_row_that_other_tools_read(tmp_path):
    certificates.save(tmp_path, certificate(MEASURED, EXACT))
    rows = duckdb.sql(f"select * from '{tmp_path}/certificates/*.parquet' order by finding").df()
    assert list(rows["check"]) == ["evaluation", "epoch"]
    assert list(rows["holds"]) == [True, False]
    assert not rows["certificate_holds"].any()
    assert rows["bound"].isna().tolist() == [False, True]
    assert set(rows["schema_version"]) == {SCHEMA_VERSION}


def test_what_is_not_there_or_damaged_is_no_certificate(tmp_path):
    assert certificates.load(tmp_path, "abc", CASE) is None
    certificates.save(tmp_path, certificate(MEASURED))
    (tmp_path / "certificates" / "abc.parquet").write_bytes(b"damaged")
    assert certificates.load(tmp_path, "abc", CASE) is None


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "certificates").write_text("a file in the way")
    with pytest.raises(NotStored, match="certificates"):
        certificates.save(tmp_path, certificate(MEASURED))


def test_the_summary_tells_the_first_failure_with_both_values():
    (row,) = certificates.summary([certificate(MEASURED, EXACT)]).itertuples()
    assert (row.case_id, row.framework, row.certificate_id, row.holds) == (CASE.id, "pytorch", "abc", False)
    assert row.failed_check == "epoch"
    assert row.reason == "pytorch: steps: 937, asked 938"


def test_a_certificate_that_holds_has_nothing_to_tell():
    (row,) = certificates.summary([certificate(MEASURED)]).itertuples()
    assert row.holds
    assert pd.isna(row.failed_check)
    assert pd.isna(row.reason)


def test_a_certificate_without_findings_does_not_hold():
    assert not certificate().holds
