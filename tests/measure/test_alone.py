"""One measurement at a time: who has the machine is told, and whoever has gone does not have it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.errors import MachineInUse
from harness.measure import alone as module
from harness.measure.alone import PLACE_VARIABLE, alone

MEASURING = (
    "import time; from harness.measure.alone import alone\n"
    "with alone('harness bench --seed 1', wait=False, force=False, notice=print):\n"
    "    print('alone', flush=True); time.sleep(60)"
)


@pytest.fixture
def told():
    return []


@pytest.fixture(autouse=True)
def _place(monkeypatch, tmp_path):
    monkeypatch.setenv(PLACE_VARIABLE, str(tmp_path))


@pytest.fixture
def other():
    """Another process that measures."""
    with subprocess.Popen([sys.executable, "-c", MEASURING], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"alone\n"
        yield process
        process.kill()


def measured(told, *, wait=False, force=False):
    with alone("harness bench", wait=wait, force=force, notice=told.append):
        return True


def test_a_second_one_is_refused_with_the_owner_the_moment_and_the_command_of_the_first(other, told):
    with pytest.raises(MachineInUse) as refused:
        measured(told)
    assert re.fullmatch(
        rf"another measurement is going on: `harness bench --seed 1` of \S+, process {other.pid}, since "
        r"[\d-]{10} [\d:]{8} \S+; two at once spoil both: --wait waits for its end, --force measures all the "
        "same",
        str(refused.value),
    )


def test_it_may_wait_for_the_first_ones_end(other, told):
    begin_s = time.monotonic()
    subprocess.Popen(["sh", "-c", f"sleep 0.5; kill {other.pid}"]).wait()
    assert measured(told, wait=True)
    assert time.monotonic() - begin_s < 30


def test_who_waits_is_told_for_whom(other, told):
    killer = subprocess.Popen(["sh", "-c", f"sleep 0.5; kill {other.pid}"])
    assert measured(told, wait=True)
    killer.wait()
    assert told
    assert told[0].startswith("waiting: another measurement is going on: `harness bench --seed 1`")


def test_it_may_go_on_beside_the_first(other, told):
    assert measured(told, force=True)
    assert told[0].endswith(": both will be disturbed")
    # The first one still has the machine.
    with pytest.raises(MachineInUse, match="--seed 1"):
        measured(told)


def test_one_that_went_on_beside_the_first_has_the_machine_when_that_has_gone(other, told):
    beside = MEASURING.replace("--seed 1", "--seed 2").replace("force=False", "force=True")
    with subprocess.Popen([sys.executable, "-c", beside], stdout=subprocess.PIPE) as second:
        assert b"both will be disturbed" in second.stdout.readline()
        assert second.stdout.readline() == b"alone\n"
        other.kill()
        other.wait()
        with pytest.raises(MachineInUse, match="--seed 2"):
            measured(told)
        killer = subprocess.Popen(["sh", "-c", f"sleep 0.5; kill {second.pid}"])
        assert measured(told, wait=True)
        killer.wait()
    assert told[0].startswith("waiting: another measurement is going on: `harness bench --seed 2`")


def test_any_number_may_go_on_beside_the_first(other, told):
    with alone("harness bench", wait=False, force=True, notice=told.append):
        assert measured(told, force=True)
    assert len(told) == 2


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_a_lock_whose_owner_has_gone_stops_nobody(other, told, ending):
    other.send_signal(ending)
    other.wait()
    assert measured(told)
    assert told == []


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[1]", b'{"user": "\\u001b[31m"}', b"x" * 100_000])
def test_what_the_file_says_may_be_anything(other, told, tmp_path, content):
    (tmp_path / "evenmatch.lock").write_bytes(content)
    with pytest.raises(MachineInUse, match=r"^another measurement is going on; two at once"):
        measured(told)


def test_a_place_that_cannot_be_written_stops_nobody(monkeypatch, told, tmp_path):
    monkeypatch.setenv(PLACE_VARIABLE, str(tmp_path / "not there"))
    assert measured(told)
    assert told == ["whether anybody else measures cannot be told (No such file or directory)"]


def test_any_user_can_lock_the_file(told, tmp_path):
    os.umask(mask := os.umask(0o077))
    assert mask is not None
    assert measured(told)
    assert Path(tmp_path / "evenmatch.lock").stat().st_mode & 0o666 == 0o666


def test_where_nothing_else_is_said_it_lies_where_containers_may_see_each_other(monkeypatch):
    monkeypatch.delenv(PLACE_VARIABLE)
    assert module._place() in {Path("/dev/shm"), Path(os.environ.get("TMPDIR", "/tmp"))}
