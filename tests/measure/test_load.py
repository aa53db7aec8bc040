"""Who keeps the machine's cores busy is found, and nobody that belongs to who asks."""

from __future__ import annotations

import getpass
import subprocess
import sys

import psutil
import pytest

from harness.measure import load

BUSY = "while True: pass"
BEGINNING = f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {BUSY!r}]).pid)"


@pytest.fixture
def busy(tmp_path):
    """A process that keeps a core busy and is nobody's child here."""
    # What it prints goes to a file: the busy one keeps it open.
    said = tmp_path / "pid"
    with said.open("w") as out:
        subprocess.run([sys.executable, "-c", BEGINNING], stdout=out, check=True)
    pid = int(said.read_text())
    yield pid
    subprocess.run(["kill", "-9", str(pid)], check=True)


@pytest.mark.slow
def test_a_process_that_keeps_a_core_busy_is_named_with_its_user(busy):
    found = [one for one in load.others() if one.name.startswith("python")]
    assert found
    assert found[0].user == getpass.getuser()
    assert 0.2 <= found[0].cores < 2


def test_a_process_that_ends_meanwhile_is_nobody(monkeypatch):
    listed = load._processes

    def ending(but):
        with subprocess.Popen(["sleep", "60"]) as short:
            found = [*listed(but), psutil.Process(short.pid)]
            short.kill()
        return found

    monkeypatch.setattr(load, "_processes", ending)
    load.others(window_s=0.0)


def test_what_this_process_has_begun_is_its_own():
    with subprocess.Popen([sys.executable, "-c", BUSY]) as child:
        own = load._own()
        child.kill()
    assert child.pid in own
