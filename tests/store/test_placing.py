"""A file appears whole or not at all, and what a killed process has left of one is removed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness.store import placing
from harness.store.placing import placed, remove_abandoned

WRITING = """
import sys
from pathlib import Path
from harness.store.placing import placed
with placed(Path(sys.argv[1])) as file:
    file.write(b"half")
    file.flush()
    print("writing", flush=True)
    sys.stdin.read()
"""


def hidden(folder: Path) -> list[Path]:
    return list(folder.glob(".*"))


@pytest.fixture
def writing(tmp_path):
    """A process that has written half of a file, and goes on when its input ends."""
    path = tmp_path / "sub" / "table.parquet"
    with subprocess.Popen(
        [sys.executable, "-c", WRITING, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"writing\n"
        yield process, path
        process.kill()


def test_what_a_killed_process_left_is_removed(writing):
    process, path = writing
    process.kill()
    process.wait()
    assert hidden(path.parent)
    assert not path.exists()
    remove_abandoned(path.parent)
    assert hidden(path.parent) == []


def test_what_is_being_written_is_left_alone(writing):
    process, path = writing
    remove_abandoned(path.parent)
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert path.read_bytes() == b"half"
    assert hidden(path.parent) == []


def test_other_hidden_files_are_nobodys_halves(tmp_path):
    for name in (".20261129.lock", ".DS_Store", ".hidden.parquet"):
        (tmp_path / name).touch()
    remove_abandoned(tmp_path)
    assert len(hidden(tmp_path)) == 3


def test_where_writing_fails_the_file_before_it_stays(tmp_path):
    path = tmp_path / "page.html"
    path.write_bytes(b"before")

    def fail() -> None:
        with placed(path) as file:
            file.write(b"after")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert path.read_bytes() == b"before"
    assert hidden(tmp_path) == []


def test_a_file_that_is_taken_for_an_abandoned_one_before_it_is_locked_is_begun_again(tmp_path, monkeypatch):
    lock, path, taken = placing.fcntl.flock, tmp_path / "table.parquet", []

    def lose_the_first(file, how):
        if not taken:
            taken.extend(hidden(tmp_path))
            taken[0].unlink()
        lock(file, how)

    monkeypatch.setattr(placing.fcntl, "flock", lose_the_first)
    with placed(path) as file:
        file.write(b"whole")
    assert taken
    assert path.read_bytes() == b"whole"
