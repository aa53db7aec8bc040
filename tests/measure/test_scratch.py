"""Temporary folders, and a machine on which none can be made."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

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


LEAVING = (
    "import os, signal; from harness.measure import scratch\n"
    "with scratch.folder('left') as place:\n"
    "    print(place, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
)


def test_what_a_killed_process_left_is_removed_and_what_is_in_use_is_not(monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    (tmp_path / "evenmatch-of-an-older-version").mkdir()
    (tmp_path / "somebody-elses").mkdir()
    done = subprocess.run([sys.executable, "-c", LEAVING], stdout=subprocess.PIPE, text=True, check=False)
    left = Path(done.stdout.strip())
    assert left.is_dir()
    with scratch.folder("in-use") as place:
        (place / "file").touch()
        scratch.sweep()
        assert (place / "file").is_file()
        assert not left.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "evenmatch-of-an-older-version",
        "somebody-elses",
    ]


def test_a_folder_that_is_swept_in_the_moment_before_it_is_held_is_made_again(monkeypatch):
    opened, made = scratch._open, []

    def swept_first(path):
        made.append(path)
        if len(made) == 1:
            path.rmdir()
        return opened(path)

    monkeypatch.setattr(scratch, "_open", swept_first)
    with scratch.folder() as place:
        assert place.is_dir()
    assert len(made) == 2
