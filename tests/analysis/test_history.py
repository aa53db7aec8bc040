"""A case over many runs: shifts that are there are found, and those that are not are not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from measured_runs import trials

from harness.analysis.history import FEWEST_RUNS, RATIO, history, shifts


def test_a_shift_is_found_where_it_is_with_its_size():
    series = np.random.default_rng(0).normal(8, 0.01, 30)
    series[18:] -= 0.1
    (found,) = shifts(series)
    assert found.place == 18
    assert found.difference == pytest.approx(-0.1, abs=0.01)
    assert (found.before, found.after) == (18, 12)


def test_several_shifts_are_found_in_order():
    series = np.random.default_rng(0).normal(8, 0.01, 60)
    series[20:] += 0.1
    series[40:] -= 0.2
    assert [one.place for one in shifts(series)] == [20, 40]


def test_one_wild_run_is_no_shift():
    series = np.random.default_rng(0).normal(8, 0.01, 30)
    series[12] -= 0.5
    assert shifts(series) == []


def test_too_few_runs_are_not_searched_and_equal_ones_have_no_shift():
    stepped = np.r_[np.zeros(FEWEST_RUNS // 2), np.ones(FEWEST_RUNS // 2)] + 1e-3 * np.arange(FEWEST_RUNS)
    assert shifts(stepped)
    assert shifts(stepped[1:]) == []
    assert shifts(np.full(30, 8.0)) == []


@pytest.mark.slow
@pytest.mark.parametrize("heavy_tails", [False, True])
def test_a_series_without_a_shift_is_said_to_have_one_once_in_a_hundred(heavy_tails):
    simulations, rng = 1000, np.random.default_rng(7)
    called = 0
    for number in range(simulations):
        series = rng.standard_t(2, 15) if heavy_tails else rng.normal(size=15)
        called += bool(shifts(series, seed=number))
    assert 0 < called / simulations < 0.01 + 4 * np.sqrt(0.01 / simulations)


def runs(count, **columns):
    named = [f"r{number:02}" for number in range(count)]
    row = {"hostname": "quiet", "cpu_model": "one", "cpu_usable": 2, "gpu_names": "", "threads": 1}
    return pd.DataFrame([row | {"run_id": name} for name in named]).assign(**columns)


def test_a_framework_that_became_slower_shifts_in_its_own_speed_and_in_the_ratio():
    measured = pd.concat(
        trials(name, speeds=(1000.0 if number < 8 else 850.0, 2000.0), seed=number)
        for number, name in enumerate(runs(14)["run_id"])
    )
    found = history(runs(14), measured.assign(certified=True))
    assert list(found.shifts["series"]) == ["tensorflow", RATIO]
    assert list(found.shifts["run_id"]) == ["r08", "r08"]
    assert found.shifts["ratio"].to_list() == pytest.approx([0.85, 0.85], rel=0.02)
    assert len(found.points) == 14 * 3


def test_runs_of_other_machines_and_cases_without_a_certificate_are_left_out():
    measured = pd.concat(trials(name, seed=number) for number, name in enumerate(runs(3)["run_id"]))
    measured = measured.assign(certified=[True] * 24 + [False] * 12)
    elsewhere = runs(3, hostname=["other", "quiet", "quiet"])
    found = history(elsewhere, measured)
    assert found.left_out == 1
    assert set(found.points["run_id"]) == {"r01"}
    assert set(found.points["number"]) == {1}


def test_of_three_frameworks_every_ratio_is_a_series_and_runs_of_two_are_left_out():
    speeds = [(1000.0, 2000.0, 1500.0 if number < 8 else 1275.0) for number in range(14)]
    speeds[3] = speeds[3][:2]
    measured = pd.concat(
        trials(name, speeds=speeds[number], seed=number) for number, name in enumerate(runs(14)["run_id"])
    )
    found = history(runs(14), measured.assign(certified=True))
    assert found.left_out == 1
    assert found.frameworks == ("tensorflow", "pytorch", "theirs")
    assert found.ratios == {
        "tensorflow over pytorch": ("tensorflow", "pytorch"),
        "tensorflow over theirs": ("tensorflow", "theirs"),
        "pytorch over theirs": ("pytorch", "theirs"),
    }
    assert list(found.shifts["series"]) == ["theirs", "tensorflow over theirs", "pytorch over theirs"]
    assert found.shifts["ratio"].to_list() == pytest.approx([0.85, 1 / 0.85, 1 / 0.85], rel=0.02)
    assert len(found.points) == 13 * 6
