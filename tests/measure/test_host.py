"""What the machine says of itself, held against other ways to ask."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from harness.measure import cgroup, host

ROOT = Path(__file__).parents[2]


def test_usable_cores_respect_the_affinity_of_the_process():
    first = min(os.sched_getaffinity(0))
    code = (
        f"import os; os.sched_setaffinity(0, {{{first}}})\n"
        "from harness.measure import host; print(host.usable_cores())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert int(done.stdout) == 1


@pytest.mark.parametrize(("quota", "most"), [(1.5, 1), (0.5, 1), (None, 10_000)])
def test_a_containers_quota_caps_the_cores_but_never_below_one(monkeypatch, quota, most):
    monkeypatch.setattr(cgroup, "cores", lambda: quota)
    assert host.usable_cores() == min(most, len(os.sched_getaffinity(0)))


def test_a_containers_limit_caps_the_memory(monkeypatch):
    monkeypatch.setattr(cgroup, "memory_bytes", lambda: 2**20)
    assert host.memory_bytes() == 2**20


@pytest.mark.parametrize("no_limit", [None, 2**63 - 4096])
def test_without_a_limit_the_memory_is_the_machines(monkeypatch, no_limit):
    monkeypatch.setattr(cgroup, "memory_bytes", lambda: no_limit)
    assert host.memory_bytes() == psutil.virtual_memory().total


def test_the_peak_counts_what_was_allocated_and_given_back():
    before = host.peak_bytes()
    block = bytearray(64 * 2**20)
    block[::4096] = b"x" * len(block[::4096])
    del block
    assert host.peak_bytes() >= max(before, 64 * 2**20)


def test_the_peak_is_this_programs_not_its_parents():
    block = bytearray(200 * 2**20)
    block[::4096] = b"x" * len(block[::4096])
    code = "from harness.measure import host; print(host.peak_bytes())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert int(done.stdout) < 150 * 2**20 < host.peak_bytes()


STAT = """\
cpu  9000 0 900 9000 0 0 0 90 0 0
cpu0 100 10 20 1000 5 1 2 3 0 0
cpu2 8000 0 800 100 0 0 0 80 0 0
intr 1 2 3
"""


def test_only_the_cores_that_this_process_may_run_on_count(tmp_path):
    """Core 1 is switched off, so that a core's place in the list is not its number."""
    stat = tmp_path / "stat"
    stat.write_text(STAT)
    tick_s = 1 / os.sysconf("SC_CLK_TCK")
    own = host.processor_times(stat, frozenset({0, 1}))
    assert own["user"] == pytest.approx(100 * tick_s)
    assert own["steal"] == pytest.approx(3 * tick_s)
    both = host.processor_times(stat, frozenset({0, 2}))
    assert both["user"] == pytest.approx(8100 * tick_s)


@pytest.mark.parametrize("content", [None, "cpu  100 0 0 100\n"])
def test_where_cores_are_not_told_apart_all_of_them_count(tmp_path, content):
    stat = tmp_path / "stat"
    if content is not None:
        stat.write_text(content)
    assert host.processor_times(stat, frozenset({0}))["user"] >= psutil.cpu_times().user * 0.99 - 1


def test_counters_that_all_stand_at_zero_count_nothing(tmp_path):
    stat = tmp_path / "stat"
    stat.write_text("cpu0 0 0 0 0 0 0 0 0 0 0\n")
    assert host.processor_times(stat, frozenset({0})) is None


def test_an_older_kernel_that_counts_no_steal_time_has_none(tmp_path):
    stat = tmp_path / "stat"
    stat.write_text("cpu0 5 0 0 10\n")
    assert "steal" not in host.processor_times(stat, frozenset({0}))


def test_the_busy_share_is_a_share():
    assert 0 <= host.busy_share(0.05) <= 1


def test_the_cpu_has_a_name_or_none():
    name = host.cpu_model()
    assert name is None or name.strip() == name != ""
    assert psutil.cpu_count() >= host.usable_cores()


@pytest.mark.parametrize("busy", [1, 3])
def test_threads_that_worked_are_counted_and_those_that_waited_are_not(busy):
    since = host.cpu_s_by_thread()
    until_s = time.monotonic() + 0.5 * busy + 0.5
    done = threading.Event()

    def work():
        block = bytes(1 << 20)
        # Hashing large blocks lets other threads run.
        while time.monotonic() < until_s:
            hashlib.sha256(block).digest()

    waiting = threading.Thread(target=done.wait)
    working = [threading.Thread(target=work) for _ in range(busy)]
    for one in (waiting, *working):
        one.start()
    try:
        time.sleep(until_s - time.monotonic() - 0.1)
        assert host.threads_worked(since) == busy
    finally:
        done.set()
        for one in (waiting, *working):
            one.join()


def test_where_nothing_has_worked_for_long_nobody_is_counted():
    assert host.threads_worked(host.cpu_s_by_thread()) is None
