"""An attempt on a host: what it notes, what it hands on, and that it ends with whoever began it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from harness.launchers import notes

# Stands in for `harness run-shard`: says where its results go, and what it was told.
COMMAND = (
    "import json, os, signal, sys, time\n"
    "signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))\n"
    "print(json.dumps([sys.argv[1:], dict(os.environ), os.getcwd()]), flush=True)\n"
    "time.sleep({sleep_s}); sys.exit({status})"
)


@pytest.fixture
def begun(tmp_path):
    """Begin an attempt as an engine does, with a pipe that ends with it."""
    processes = []

    def begin(*given, sleep_s=0, status=0, **environment):
        code = COMMAND.format(sleep_s=sleep_s, status=status)
        process = subprocess.Popen(
            [
                sys.executable, "-m", "harness.launchers.attempt", tmp_path, "3", "2", tmp_path, *given, "--",
                sys.executable, "-c", code,
            ],
            stdin=subprocess.PIPE, env=os.environ | environment,
        )  # fmt: skip
        processes.append(process)
        return process

    yield begin
    for process in processes:
        process.stdin.close()
        process.wait(timeout=30)


def found(tmp_path, until=lambda _: True):
    by_s = time.monotonic() + 30
    while time.monotonic() < by_s:
        read = notes.read(tmp_path, 3)
        if read and until(read[-1]):
            return read[-1]
        time.sleep(0.05)
    raise AssertionError(f"no such note: {read}")


def said(one):
    return json.loads(one.path.with_suffix(".log").read_text().splitlines()[0])


def test_an_attempt_notes_who_made_it_and_how_it_ended(begun, tmp_path):
    assert begun(status=3).wait(timeout=30) == 3
    note = found(tmp_path).note
    assert (note.shard, note.sending, note.host, note.status) == (3, 2, socket.gethostname(), 3)
    assert note.ended_at >= note.started_at
    assert note.ended_by is None


def test_results_go_into_a_folder_of_the_host_and_the_engines_threads_stay_outside(begun, tmp_path):
    begun("EVENMATCH_FAULT=none", "LEVEL=a=b", OMP_NUM_THREADS="1", HOST_VARIABLE="kept").wait(timeout=30)
    arguments, environment, folder = said(found(tmp_path))
    assert arguments == ["--output", str(tmp_path / "0003" / socket.gethostname())]
    assert "OMP_NUM_THREADS" not in environment
    assert (environment["HOST_VARIABLE"], environment["LEVEL"]) == ("kept", "a=b")
    assert folder == str(tmp_path)


@pytest.mark.parametrize(
    ("number", "why"), [(signal.SIGTERM, notes.ASKED), (notes.TIME_SIGNAL, notes.OUT_OF_TIME)]
)
def test_a_request_to_end_is_handed_on_and_its_reason_noted(begun, tmp_path, number, why):
    process = begun(sleep_s=60)
    found(tmp_path, until=lambda one: one.last_line)
    process.send_signal(number)
    assert process.wait(timeout=30) == 130
    note = found(tmp_path).note
    assert (note.status, note.ended_by) == (130, why)


def test_an_attempt_ends_with_whoever_began_it(begun, tmp_path):
    process = begun(sleep_s=60)
    found(tmp_path, until=lambda one: one.last_line)
    process.stdin.close()
    assert process.wait(timeout=30) == 130
    assert found(tmp_path).note.ended_by == notes.ASKED


def test_a_note_that_is_half_written_or_anothers_is_no_attempt(tmp_path):
    folder = notes.folder_of(tmp_path, 3)
    folder.mkdir(parents=True)
    (folder / "01-x.json").write_text("{")
    (folder / "02-x.json").write_text('{"shard": 3}')
    assert notes.read(tmp_path, 3) == []
