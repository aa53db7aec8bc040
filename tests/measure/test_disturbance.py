"""What else the machine did during a round, and when that counts as a disturbance."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from types import SimpleNamespace

import psutil
import pytest

from harness.measure import disturbance
from harness.measure.disturbance import Watch, mark
from harness.records import Disturbance

QUIET = Disturbance(
    steal_s=0.0, others_cpu_s=0.0, voluntary_switches=0, involuntary_switches=0, frequency_hz=None
)


@pytest.fixture
def readings(monkeypatch):
    """Replace what the system says of its processor times: one namespace a reading."""

    def said(*times):
        pending = [SimpleNamespace(**one) for one in times]
        monkeypatch.setattr(psutil, "cpu_times", lambda: pending.pop(0))

    return said


def watched(own_cpu_s):
    watch = Watch()
    watch.begin()
    return watch.end(own_cpu_s=own_cpu_s)


def test_what_others_used_is_the_systems_busy_time_less_ones_own(readings):
    before = {"user": 10.0, "system": 5.0, "idle": 100.0, "iowait": 1.0, "steal": 2.0}
    readings(before, before | {"user": 10.4, "system": 5.1, "idle": 101.0, "iowait": 3.0, "steal": 2.03})
    seen = watched(own_cpu_s=0.2)
    assert seen.others_cpu_s == pytest.approx(0.3)
    assert seen.steal_s == pytest.approx(0.03)


def test_ticks_that_say_less_than_ones_own_time_are_nothing_and_not_negative(readings):
    readings({"user": 10.0, "system": 5.0}, {"user": 10.1, "system": 5.0})
    assert watched(own_cpu_s=0.105).others_cpu_s == 0.0


def test_a_system_without_steal_time_says_null_and_not_zero(readings):
    readings({"user": 1.0}, {"user": 1.0})
    assert watched(own_cpu_s=0.0).steal_s is None


def test_a_frequency_that_cannot_be_read_is_null(monkeypatch):
    monkeypatch.setattr(psutil, "cpu_freq", lambda: None)
    assert disturbance._frequency_hz() is None


def test_switches_are_this_processes_own():
    watch = Watch()
    watch.begin()
    for _ in range(20):
        time.sleep(0.001)
    seen = watch.end(own_cpu_s=0.0)
    assert 20 <= seen.voluntary_switches < 200


@pytest.mark.parametrize(
    ("steal_s", "others_cpu_s", "wall_s", "expected"),
    [
        (0.02, 0.0, 0.2, None),  # two ticks may be rounding
        (0.021, 0.0, 0.2, "steal"),
        (0.04, 0.0, 1.0, None),
        (0.051, 0.0, 1.0, "steal"),
        (0.0, 0.04, 0.2, None),
        (0.0, 0.051, 0.2, "others"),
        (0.0, 0.24, 1.0, None),
        (0.0, 0.26, 1.0, "others"),
        (0.1, 0.9, 1.0, "steal"),
        (None, None, 1.0, None),
    ],
)
def test_a_round_is_disturbed_by_the_rule_that_was_fixed_in_advance(steal_s, others_cpu_s, wall_s, expected):
    seen = replace(QUIET, steal_s=steal_s, others_cpu_s=others_cpu_s)
    assert mark(seen, wall_s=wall_s) == expected


@pytest.mark.slow
def test_a_process_that_burns_a_core_is_seen():
    code = "import time\nprint(flush=True)\nend = time.monotonic() + 10\nwhile time.monotonic() < end: pass"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as burner:
        burner.stdout.readline()
        watch = Watch()
        watch.begin()
        started_s = time.perf_counter()
        time.sleep(0.5)
        seen = watch.end(own_cpu_s=0.0)
        wall_s = time.perf_counter() - started_s
        burner.kill()
    assert seen.others_cpu_s > 0.5 * wall_s
    # A virtual machine may have time stolen from it as well, by the same neighbour.
    assert mark(seen, wall_s=wall_s) in {"others", "steal"}
