"""Warm-up ends when the times have settled, and never takes more than a quarter of a trial."""

from __future__ import annotations

import numpy as np
import pytest

from harness.engine.warming import marked, warm_up_rounds
from harness.work.records import Phase, Round


def test_rounds_that_are_settled_from_the_start_are_all_kept():
    assert warm_up_rounds([1.0] * 20) == 0


def test_slow_first_rounds_are_warm_up():
    assert warm_up_rounds([2.0, 1.5, *[1.0] * 18]) == 2


def test_fast_first_rounds_are_warm_up_too():
    assert warm_up_rounds([0.8, *[1.0] * 15]) == 1


def test_a_slow_round_later_on_is_noise_and_not_warm_up():
    assert warm_up_rounds([1.0, 2.0, *[1.0] * 14]) == 0


def test_a_long_drift_takes_a_quarter_and_no_more():
    assert warm_up_rounds([*np.linspace(3.0, 1.2, 10), *[1.0] * 10]) == 5


def test_three_rounds_cannot_tell_a_drift_from_noise():
    assert warm_up_rounds([5.0, 1.0, 1.0]) == 0


def test_noise_alone_costs_few_rounds():
    times_s = np.random.default_rng(0).lognormal(0, 0.02, size=(2000, 20))
    dropped = np.array([warm_up_rounds(list(row)) for row in times_s])
    assert dropped.mean() < 0.1


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_a_first_round_that_stands_out_is_found_in_noise(share):
    times_s = np.random.default_rng(0).lognormal(0, 0.01, size=(500, 20))
    times_s[:, 0] *= 1 + share
    found = np.mean([warm_up_rounds(list(row)) >= 1 for row in times_s])
    assert found > 0.75


def one_round(phase, index, wall_s):
    return Round(
        phase=phase, index=index, epoch=1, place=0, samples=100, steps=1, started_s=0.0, wall_s=wall_s,
        cpu_s=wall_s, idle_cpu_s=0.0, loss=0.1, accuracy=None,
    )  # fmt: skip


def test_each_phase_warms_up_by_itself():
    train = [one_round(Phase.TRAIN, index, 1.0 + (index == 0)) for index in range(8)]
    evaluate = [one_round(Phase.EVALUATE, index, 0.1) for index in range(8)]
    told = {
        phase: [one.warm_up for one in marked([*train, *evaluate]) if one.phase is phase] for phase in Phase
    }
    assert told == {Phase.TRAIN: [True, *[False] * 7], Phase.EVALUATE: [False] * 8}
