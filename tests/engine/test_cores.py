"""Contenders of a match are kept on the same cores."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from harness.engine.cores import drawn, keep

pytestmark = pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system keeps nothing")
USABLE = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()


def test_as_many_cores_as_asked_are_drawn_of_those_that_may_be_used():
    draw = random.Random(0)
    of_one = Counter(frozenset(drawn(1, draw)) for _ in range(200))
    assert set().union(*of_one) == USABLE
    assert all(len(cores) == 1 for cores in of_one)
    assert drawn(10_000, draw) == USABLE


def test_all_threads_of_a_process_stay_on_the_cores_and_so_do_those_that_they_start():
    program = (
        "import threading, time, sys\n"
        "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
        "print('begun', flush=True); sys.stdin.readline()\n"
        "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
        "print('more', flush=True); sys.stdin.readline()\n"
    )
    cores = {max(USABLE)}
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        process.stdout.readline()
        assert keep(process.pid, cores)
        process.stdin.write("\n")
        process.stdin.flush()
        process.stdout.readline()
        threads = [int(one.name) for one in Path(f"/proc/{process.pid}/task").iterdir()]
        assert len(threads) == 3
        assert all(os.sched_getaffinity(thread) == cores for thread in threads)
        process.kill()


def test_a_process_that_has_gone_is_kept_nowhere():
    gone = subprocess.Popen([sys.executable, "-c", "pass"])
    gone.wait()
    assert not keep(gone.pid, USABLE)


def test_cores_that_there_are_not_are_not_let():
    assert not keep(os.getpid(), {100_000})
    assert os.sched_getaffinity(0) == USABLE


def test_where_the_system_does_not_tell_nothing_is_drawn(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity")
    assert drawn(1, random.Random(0)) == frozenset()
