"""How far a run has come, by its files alone."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.store.progress import Progress, progress


@pytest.fixture
def wrote(tmp_path):
    """Write a small table as a file of a results folder."""

    def write(place, **columns):
        path = tmp_path / place
        path.parent.mkdir(exist_ok=True)
        pq.write_table(pa.table(columns), path)

    return write


def test_a_run_that_is_not_there_has_no_matches(tmp_path):
    assert progress(tmp_path, "r") == Progress(matches=0, is_finished=False)


def test_a_run_that_goes_on_has_as_many_as_it_left_files(tmp_path, wrote):
    wrote("runs/r.parquet", status=["running"])
    for name in ("r-a", "r-b", "other-a"):
        wrote(f"trials/{name}.parquet", match_id=[name])
    assert progress(tmp_path, "r") == Progress(matches=2, is_finished=False)


def test_a_run_that_has_finished_says_so_and_its_matches_are_counted_once(tmp_path, wrote):
    wrote("runs/r.parquet", status=["finished"])
    wrote("trials/r.parquet", match_id=["a", "a", "b", "b-part2"])
    assert progress(tmp_path, "r") == Progress(matches=2, is_finished=True)


def test_a_file_that_cannot_be_read_yet_is_no_progress(tmp_path, wrote):
    wrote("trials/r.parquet", match_id=["a"])
    (tmp_path / "trials" / "r.parquet").write_bytes(b"half")
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "r.parquet").write_bytes(b"half")
    assert progress(tmp_path, "r") == Progress(matches=0, is_finished=False)
