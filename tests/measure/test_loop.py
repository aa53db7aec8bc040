"""The timed loop: what is inside the clock and what is not."""

from __future__ import annotations

import time

import pytest

from harness.measure.loop import timed


def test_the_clock_stops_only_after_the_device_has_finished():
    """Work that returns at once but keeps a device busy is timed until the device is done."""
    busy_until_s = 0.0

    def launch():
        nonlocal busy_until_s
        busy_until_s = time.perf_counter() + 0.05

    def synchronise():
        time.sleep(max(0.0, busy_until_s - time.perf_counter()))

    assert timed(launch, synchronise).wall_s >= 0.05


def test_what_the_device_still_had_to_do_is_not_on_the_clock():
    busy_until_s = time.perf_counter() + 0.1

    def synchronise():
        time.sleep(max(0.0, busy_until_s - time.perf_counter()))

    timing = timed(lambda: None, synchronise)
    assert timing.wall_s < 0.05
    assert timing.started_s >= busy_until_s


def test_processor_time_counts_work_and_not_waiting():
    waited = timed(lambda: time.sleep(0.1), lambda: None)
    assert waited.cpu_s < 0.5 * waited.wall_s

    def work():
        end_s = time.process_time() + 0.05
        while time.process_time() < end_s:
            pass

    assert timed(work, lambda: None).cpu_s == pytest.approx(0.05, rel=0.5)
