"""A run by any of its names."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import ResultsUnusable
from harness.store.naming import counted_back, is_latest, locate


def test_the_latest_runs_are_counted_back():
    known = ["one", "two", "three"]
    assert [counted_back(name, known, Path()) for name in ("latest", "latest~0", "latest~2")] == [
        "three",
        "three",
        "one",
    ]
    assert not is_latest("latest~")
    assert not is_latest("latest~-1")


def test_counting_past_the_oldest_run_says_how_many_there_are():
    with pytest.raises(ResultsUnusable, match="latest~3: not in results; it holds 3 runs"):
        counted_back("latest~3", ["one", "two", "three"], Path("results"))


def test_a_run_is_named_by_identifier_folder_or_file(tmp_path):
    file = tmp_path / "copied" / "runs" / "r1.parquet"
    file.parent.mkdir(parents=True)
    file.touch()
    here = Path("results")
    assert locate(here, "r7") == (here, "r7")
    assert locate(here, "latest~1") == (here, "latest~1")
    assert locate(here, str(tmp_path / "copied")) == (tmp_path / "copied", "latest")
    assert locate(here, str(file)) == (tmp_path / "copied", "r1")


def test_a_path_that_names_no_run_is_refused(tmp_path):
    with pytest.raises(ResultsUnusable, match="nowhere: not found; use an identifier"):
        locate(Path("results"), str(tmp_path / "nowhere"))
