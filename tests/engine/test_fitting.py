"""What fits into memory and time is told before any work, from the shape of a case alone."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from harness.engine import fitting
from harness.engine.fitting import Corrected, Estimates, device_bytes, host_bytes, no_room, those_that_fit
from harness.measure import host
from harness.settings import config
from harness.settings.grid import plan
from harness.settings.matches import between
from harness.work.workload import Workload

QUICK = Estimates(flop_per_s=1e15)


@pytest.fixture
def planned(tmp_path, monkeypatch):
    """A plan of networks on a machine with so much memory."""

    def made(hidden, *, memory_bytes=16 * 2**30, **given):
        monkeypatch.setattr(host, "memory_bytes", lambda: memory_bytes)
        return plan(config.resolve({"hidden": hidden, "batch_size": "64", **given}, {}, tmp_path))

    return made


def test_what_does_not_fit_into_memory_is_left_out_with_both_numbers(planned):
    fitted = those_that_fit(planned("128,16384x16384"), QUICK)
    assert [case.workload.hidden for case in fitted.cases] == [(128,)]
    ((case, why),) = fitted.unfit
    assert case.workload.hidden == (16_384, 16_384)
    assert why.startswith("two workers of it need about 1")
    assert why.endswith("of 14.4 GiB of memory")


def test_all_that_was_asked_for_fits_into_a_machine_of_16_gibibytes(planned):
    asked = planned("32,128,1024,4096,512x512,512x512x512", batch_size="32,512")
    assert those_that_fit(asked, QUICK).cases == asked.cases


def test_a_match_that_outlasts_the_budget_and_a_proof_that_outlasts_its_worker_are_left_out(planned):
    slow = Estimates(flop_per_s=5e9)
    fitted = those_that_fit(planned("128,4096", budget_s="60", timeout_s="100000"), slow)
    ((_, why),) = fitted.unfit
    assert why.startswith("a single match of it takes about ")
    assert why.endswith(" s of a budget of 60 s")
    ((_, why),) = those_that_fit(planned("128,4096", timeout_s="200"), slow).unfit
    assert why.startswith("its proof takes about ")
    assert why.endswith(" s, and a worker may take 200 s")
    # A calibration proves nothing, and time ends its tries.
    asked = planned("4096", budget_s="60", timeout_s="200")
    assert no_room(asked.settings, asked.cases[0]) is None


def test_workers_that_have_no_core_for_each_of_their_threads_are_left_out(planned, monkeypatch):
    monkeypatch.setattr(host, "usable_cores", lambda: 4)
    fitted = those_that_fit(planned("128", workers="1,2,4", threads="2"), QUICK)
    assert [case.workers for case in fitted.cases] == [1, 2]
    ((case, why),) = fitted.unfit
    assert case.workers == 4
    assert why == "its 4 workers, each of 2 thread(s), need 8 cores, and 4 are usable"


def test_estimates_grow_with_the_network_and_a_training_outlasts_a_match(planned):
    works = [Workload(hidden=hidden) for hidden in ((32,), (128,), (4096,), (16_384, 16_384))]
    for of in (host_bytes, device_bytes):
        assert sorted(map(of, works)) == list(map(of, works))
    small, large = planned("128,4096").cases
    assert QUICK.proof_s(small) <= QUICK.proof_s(large)
    real = Estimates(flop_per_s=5e10)
    assert real.match_s(between(small, 0)) < real.match_s(between(large, 0))


def test_an_estimate_is_as_many_times_as_long_as_the_slowest_match_that_told_a_speed(planned):
    small, large = planned("128,4096").cases
    estimates = Estimates(flop_per_s=5e10)
    corrected = Corrected(estimates)
    match, other = between(small, 0), between(large, 0)
    assert corrected.match_s(other) == estimates.match_s(other)
    corrected.compare(match, 3 * estimates.match_s(match))
    corrected.compare(match, 2 * estimates.match_s(match))
    corrected.compare(replace(match, learning=True), 100 * estimates.match_s(match))
    assert corrected.match_s(other) == pytest.approx(3 * estimates.match_s(other))
    assert Corrected(None).match_s(other) is None


def test_the_machine_is_asked_how_fast_its_products_are(monkeypatch):
    monkeypatch.setattr(fitting, "_PROBED_S", 0.05)
    assert 1e8 < Estimates.here(1).flop_per_s < 1e13


def test_one_thread_makes_the_products_that_a_core_is_asked_for():
    """Several would wait for each other on a busy machine, where cases were then left out as too slow."""
    asked = (
        "import time; from harness.engine.fitting import Estimates\n"
        "begin = time.process_time(), time.thread_time(); Estimates.here(1)\n"
        "print(time.process_time() - begin[0], time.thread_time() - begin[1])"
    )
    # As a user's shell has it: the tests' own says how many threads there are.
    shell = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    done = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, env=shell, check=True
    )
    of_all_s, of_one_s = map(float, done.stdout.split())
    assert of_all_s < 1.2 * of_one_s
