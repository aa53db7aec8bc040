"""A run is held by the process that measures it, and by nobody once that has gone."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from harness.errors import NotStored, ResultsUnusable
from harness.store.holding import held, is_held

HOLDING = (
    "import sys, time; from pathlib import Path; from harness.store.holding import held\n"
    "with held(Path(sys.argv[1]), 'r1'): print('held', flush=True); time.sleep(60)"
)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "runs").mkdir()
    return tmp_path


def test_a_run_is_held_while_the_block_runs_and_nothing_is_left_of_it(folder):
    with held(folder, "r1"):
        assert is_held(folder, "r1")
        assert not is_held(folder, "r2")
    assert not is_held(folder, "r1")
    assert list((folder / "runs").iterdir()) == []


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_another_process_cannot_have_it_until_the_first_has_ended_however_it_ends(folder, ending):
    with subprocess.Popen([sys.executable, "-c", HOLDING, folder], stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        assert is_held(folder, "r1")
        with (
            pytest.raises(ResultsUnusable, match="run r1: another process is measuring it"),
            held(folder, "r1"),
        ):
            pass
        other.send_signal(ending)
        other.wait()
    assert not is_held(folder, "r1")
    with held(folder, "r1"):
        assert is_held(folder, "r1")


def test_who_asks_whether_it_is_held_keeps_nobody_from_holding_it(folder):
    for _ in range(50):
        with held(folder, "r1"):
            assert is_held(folder, "r1")


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(NotStored, match="cannot be written"), held(tmp_path, "r1"):
        pass
