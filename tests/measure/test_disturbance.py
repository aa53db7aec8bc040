"""What else the machine did during a round, and when that counts as a disturbance."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import psutil
import pytest

from harness.measure import host
from harness.measure.disturbance import Watch, mark, rounded_up
from harness.work.records import Disturbance

QUIET = Disturbance(
    steal_s=0.0, others_cpu_s=0.0, voluntary_switches=0, involuntary_switches=0, frequency_hz=None
)


@pytest.fixture
def readings(monkeypatch):
    """Replace what the system says of its processor times: one set of counters a reading."""

    def said(*times):
        pending = list(times)
        monkeypatch.setattr(host, "processor_times", lambda **_: pending.pop(0))

    return said


@pytest.fixture
def frequencies(monkeypatch):
    """Replace what Linux says of its cores: (current, min, max) in MHz each, or what is raised."""

    def said(*cores):
        def cpu_freq(*, percpu):
            assert percpu
            if isinstance(cores[0], Exception):
                raise cores[0]
            return [
                SimpleNamespace(current=current_mhz, min=least_mhz, max=most_mhz)
                for current_mhz, least_mhz, most_mhz in cores
            ]

        monkeypatch.setattr(psutil, "LINUX", True)
        monkeypatch.setattr(psutil, "cpu_freq", cpu_freq, raising=False)

    return said


def watched(own_cpu_s=0.0):
    watch = Watch()
    watch.begin()
    return watch.end(own_cpu_s=own_cpu_s)


def test_what_others_used_is_the_systems_busy_time_less_ones_own(readings):
    before = {"user": 10.0, "system": 5.0, "idle": 100.0, "iowait": 1.0, "steal": 2.0}
    readings(before, before | {"user": 10.4, "system": 5.1, "idle": 101.0, "iowait": 3.0, "steal": 2.03})
    seen = watched(own_cpu_s=0.2)
    assert seen.others_cpu_s == pytest.approx(0.3)
    assert seen.steal_s == pytest.approx(0.03)


def test_ticks_that_say_less_than_ones_own_time_are_nothing_once_the_round_is_whole(readings):
    readings({"user": 10.0, "system": 5.0}, {"user": 10.1, "system": 5.0})
    seen = watched(own_cpu_s=0.105)
    assert seen.others_cpu_s == pytest.approx(-0.005)
    assert rounded_up(seen).others_cpu_s == 0.0


def test_the_rounding_of_many_short_parts_does_not_add_up_to_a_neighbour(readings):
    at_s = [0.003 * part for part in range(71)]
    ticks = [{"user": 10.0 + int(100 * one_s) / 100} for one_s in at_s]
    readings(*(one for pair in pairwise(ticks) for one in pair))
    others_s = sum(watched(own_cpu_s=0.003).others_cpu_s for _ in range(70))
    assert abs(others_s) < 0.02


def test_guests_and_cores_that_wait_are_not_others_at_work(readings):
    before = {"user": 10.0, "system": 5.0, "idle": 100.0, "iowait": 1.0, "guest": 3.0}
    readings(before, before | {"user": 10.2, "idle": 100.4, "iowait": 1.3, "guest": 3.2})
    assert watched().others_cpu_s == pytest.approx(0.2)


def test_a_system_without_steal_time_says_null_and_not_zero(readings):
    readings({"user": 1.0}, {"user": 1.0})
    assert watched().steal_s is None


def test_a_system_that_counts_nothing_says_null(readings):
    readings(None, None)
    seen = watched(own_cpu_s=0.3)
    assert (seen.steal_s, seen.others_cpu_s) == (None, None)


def test_the_frequency_is_the_mean_of_the_cores_that_are_on(frequencies):
    frequencies((2000.0, 800.0, 3500.0), (3000.0, 800.0, 3500.0), (0.0, 0.0, 0.0))
    assert watched().frequency_hz == pytest.approx(2.5e9)


def test_a_nominal_frequency_is_not_taken_for_the_present_one(frequencies):
    frequencies((2596.1, 0.0, 0.0), (2596.1, 0.0, 0.0))
    assert watched().frequency_hz is None


def test_a_system_whose_frequency_never_changes_says_null(frequencies, monkeypatch):
    frequencies((2400.0, 600.0, 3200.0))
    monkeypatch.setattr(psutil, "LINUX", False)
    assert watched().frequency_hz is None


@pytest.mark.parametrize("error", [NotImplementedError("no file"), FileNotFoundError("no file")])
def test_a_frequency_that_cannot_be_read_is_null_and_ends_no_trial(frequencies, error):
    frequencies(error)
    assert watched().frequency_hz is None


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
        (float("nan"), float("nan"), 1.0, None),  # as a data frame gives null back
    ],
)
def test_a_round_is_disturbed_by_the_rule_that_was_fixed_in_advance(steal_s, others_cpu_s, wall_s, expected):
    seen = replace(QUIET, steal_s=steal_s, others_cpu_s=others_cpu_s)
    assert mark(seen, wall_s=wall_s) == expected


@pytest.mark.slow
@pytest.mark.skipif(len(getattr(os, "sched_getaffinity", lambda _: ())(0)) < 2, reason="needs two cores")
def test_a_neighbour_on_another_core_than_ours_disturbs_no_round():
    """Watched from a process that has one core, with a burner on another; the watch's own core idles."""
    ours, theirs, *_ = sorted(os.sched_getaffinity(0))
    watching = (
        f"import os, time; os.sched_setaffinity(0, {{{ours}}})\n"
        "from harness.measure.disturbance import Watch\n"
        "watch = Watch(); watch.begin(); time.sleep(1.0); print(watch.end(own_cpu_s=0.0).others_cpu_s)"
    )
    burning = f"import os\nos.sched_setaffinity(0, {{{theirs}}})\nprint(flush=True)\nwhile True: pass"
    with subprocess.Popen([sys.executable, "-c", burning], stdout=subprocess.PIPE) as burner:
        burner.stdout.readline()
        before = host.processor_times(own_cores=frozenset({ours}))
        done = subprocess.run([sys.executable, "-c", watching], capture_output=True, text=True, check=True)
        after = host.processor_times(own_cores=frozenset({ours}))
        burner.kill()
    # Whatever was at work on the one core, it was not the burner, which took all of the other.
    assert float(done.stdout) <= host.passed(before, after, host.BUSY)


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
