"""Temporary folders, and a machine on which none can be made."""

from __future__ import annotations

import tempfile

import pytest

from harness.errors import NoTemporaryFolder
from harness.measure import scratch


def test_a_folder_is_there_in_the_block_and_gone_after_it():
    with scratch.folder("test") as place:
        (place / "file").touch()
    assert not place.exists()


def test_where_none_can_be_made_the_variable_that_helps_is_named(monkeypatch):
    def nowhere():
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(tempfile, "gettempdir", nowhere)
    with (
        pytest.raises(NoTemporaryFolder, match=r"No usable temporary directory.*; set TMPDIR to a folder"),
        scratch.folder(),
    ):
        pass


def test_an_error_in_the_block_is_not_taken_for_one_of_the_folder():
    with pytest.raises(FileNotFoundError), scratch.folder() as place:
        (place / "not there").read_text()
