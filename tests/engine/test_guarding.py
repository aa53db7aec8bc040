"""What a process has begun ends within a second of it, whichever way it goes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]

# Begins a process in a group of its own, which begins another, and says their numbers; none looks at a pipe.
BEGINNING = """
import subprocess, sys, time
from harness.engine.guarding import GUARDIAN
deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
begins = f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {deaf!r}]).pid, flush=True)"
command = [sys.executable, "-c", f"{begins}; {deaf}"]
one = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
GUARDIAN.begun(one.pid)
ended = subprocess.Popen(["true"], start_new_session=True)
GUARDIAN.begun(ended.pid)
ended.wait()
GUARDIAN.ended(ended.pid)
print(one.pid, one.stdout.readline().strip(), flush=True)
time.sleep(float(sys.argv[1]))
"""


def begun(seconds):
    process = subprocess.Popen(
        [sys.executable, "-c", BEGINNING, str(seconds)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    return process, [int(pid) for pid in process.stdout.readline().split()]


def alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, None])
def test_a_group_ends_with_who_began_it_also_where_it_hears_nothing(ending):
    process, pids = begun(60 if ending else 0)
    with process:
        assert len(pids) == 2
        if ending:
            assert all(map(alive, pids))
            process.send_signal(ending)
    deadline_s = time.monotonic() + 1.0
    while any(map(alive, pids)) and time.monotonic() < deadline_s:
        time.sleep(0.01)
    left = [pid for pid in pids if alive(pid)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert left == []


def test_a_number_that_is_somebody_elses_by_now_is_left_alone(tmp_path):
    """The guardian knows when what it was told of began."""
    sys.path.insert(0, str(ROOT))
    from harness.worker import guardian  # noqa: PLC0415

    with subprocess.Popen(["sleep", "60"], start_new_session=True) as stranger:
        theirs, ours = os.pipe()
        os.write(ours, f"+{stranger.pid}\n".encode())
        os.close(ours)
        born = guardian._born
        answers = iter(["before", born(stranger.pid)])
        guardian._born = lambda pid: next(answers)
        try:
            guardian.main(theirs)
        finally:
            guardian._born = born
        assert stranger.poll() is None
        stranger.kill()
