"""A run stops by time or by precision, never by who is ahead."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress

import numpy as np
import pytest
from scipy.special import stdtr

from harness.analysis.closing import closing
from harness.analysis.statistics import MIN_REPLICATES, corrected
from harness.engine.stopping import EXTRA, Budget, Closed, Like, Target
from studies.family_study import running, stopped
from tests.explained_changes import walks_that_leave


class Clock:
    def __init__(self):
        self.now_s = 100.0

    def __call__(self):
        return self.now_s


def likes(*kinds):
    return Counter(map(Like, kinds))


def test_the_first_match_of_a_case_is_always_measured():
    clock = Clock()
    budget = Budget(10.0, clock)
    clock.now_s += 1000
    assert budget.allows(Like("a"))


def test_a_match_that_would_overrun_is_not_started():
    clock = Clock()
    budget = Budget(10.0, clock)
    clock.now_s += 6
    budget.record(Like("a"), 4.0)
    assert budget.allows(Like("a"))
    clock.now_s += 0.5
    assert not budget.allows(Like("a"))


def test_the_first_of_a_kind_is_not_started_where_what_it_should_take_does_not_fit():
    clock = Clock()
    budget = Budget(10.0, clock)
    assert budget.allows(Like("a"), first_s=100.0), "a run measures something"
    budget.record(Like("a"), 4.0)
    clock.now_s += 4
    assert budget.allows(Like("b"), first_s=5.0)
    assert not budget.allows(Like("b"), first_s=7.0)
    budget.record(Like("b"), 2.0)
    assert budget.allows(Like("b"), first_s=7.0), "what it took is known by now"


def test_what_is_not_measuring_is_not_spent_however_it_ends():
    clock = Clock()
    budget = Budget(10.0, clock)
    clock.now_s += 3
    with budget.stopped():
        clock.now_s += 100
    with suppress(KeyboardInterrupt), budget.stopped():
        clock.now_s += 100
        raise KeyboardInterrupt
    assert budget.spent_s == 3.0
    clock.now_s += 4
    assert budget.left_s == 3.0


def test_the_longest_match_of_the_case_counts():
    clock = Clock()
    budget = Budget(10.0, clock)
    budget.record(Like("a"), 9.0)
    budget.record(Like("a"), 1.0)
    clock.now_s += 2
    assert not budget.allows(Like("a"))


def test_a_match_of_a_new_size_takes_no_longer_than_the_longest_of_its_kind():
    budget = Budget(10.0, Clock())
    assert budget.longest_s(Like("a", 5)) is None
    budget.record(Like("a", 2), 4.0)
    budget.record(Like("a", 3), 6.0)
    assert budget.longest_s(Like("a", 2)) == 4.0
    assert budget.longest_s(Like("a", 5)) == 6.0
    assert budget.allows(Like("a", 5))


def test_what_a_kind_usually_takes_is_its_median_and_of_a_new_one_that_of_all():
    budget = Budget(10.0, Clock())
    for took_s in (1.0, 2.0, 9.0):
        budget.record(Like("a"), took_s)
    budget.record(Like("b", 4), 3.0)
    assert budget.usual_s("a") == 2.0
    assert budget.usual_s("new") == 2.5


def test_the_time_left_is_what_the_pairs_need_but_never_more_than_the_budget():
    clock = Clock()
    budget = Budget(10.0, clock)
    assert budget.time_left_s(likes("a")) is None
    budget.record(Like("a"), 2.0)
    budget.record(Like("b"), 4.0)
    assert budget.time_left_s(likes("a", "b")) == 6.0
    assert budget.time_left_s(likes("new")) == 3.0
    assert budget.time_left_s(likes(*["b"] * 10)) == 10.0
    clock.now_s += 50
    assert budget.time_left_s(likes("b")) == 0.0


def test_no_time_is_left_when_the_budget_is_spent():
    clock = Clock()
    budget = Budget(10.0, clock)
    budget.record(Like("a"), 3.0)
    clock.now_s += 20
    assert budget.time_left_s(likes("a", "b", "c", "a", "b")) == 0.0


def told(target, log_ratios, case_id="a"):
    for log_ratio in log_ratios:
        target.record(case_id, log_ratio)
    return target


def test_a_case_is_known_two_replicates_after_its_interval_was_first_narrow_enough():
    target = told(Target(0.02), [0.0, 0.001, 0.002, 0.001, 0.0, 0.001])
    assert not target.reached("a")
    assert not told(target, [0.5]).reached("a")
    assert told(target, [0.5]).reached("a")


def test_fewer_replicates_than_a_verdict_needs_are_never_enough():
    assert not told(Target(0.5), [0.0, 0.001, 0.002, 0.001, 0.0]).reached("a")


def test_a_wide_interval_is_not_enough_however_far_from_one():
    assert not told(Target(0.02), [1.0, 1.2, 0.9, 1.1, 1.3, 0.8, 1.0, 1.1]).reached("a")


def test_a_broken_replicate_says_nothing():
    target = told(Target(0.02), [0.0, 0.001, float("nan"), 0.002, 0.001, 0.0])
    assert target.log_ratios("a") == [0.0, 0.001, 0.002, 0.001, 0.0]


def test_cases_are_known_one_by_one():
    target = told(Target(0.02), [0.0, 0.001, 0.002, 0.001, 0.0, 0.001, 0.002, 0.001])
    assert target.reached("a")
    assert not target.reached("b")


@pytest.mark.parametrize("effect", [0.0, 0.1])
def test_when_a_run_stops_does_not_depend_on_who_is_ahead(effect):
    """The same noise around 1 and around a clear difference is measured for equally long."""
    noise = np.random.default_rng(1).normal(0, 0.02, size=(200, 40))
    stops = []
    for row in noise:
        target = Target(0.015)
        for log_ratio in row + effect:
            if not target.reached("a"):
                target.record("a", log_ratio)
        stops.append(len(target.log_ratios("a")))
    assert np.mean(stops) == pytest.approx(11.5, abs=1.5)


def shown(left):
    """After how many walks it is enough, where each leaves so much unexplained; None where it never is."""
    closed = Closed()
    for count in range(1, len(left) + 1):
        closed.record(closing(walks_that_leave(left[:count])))
        if closed.reached:
            return count
    return None


def test_a_run_that_stops_when_it_has_seen_enough_calls_equals_different_at_most_once_in_twenty():
    """Twenty replicates at most, whose processes scatter by 3 %: as many as are worst for this rule."""
    log_ratios = np.random.default_rng(8).normal(0, 0.03, (20_000, 1, 20))
    mean, error = running(log_ratios)
    replicates = stopped(error, 20, 0.02)
    t = mean[np.arange(len(mean)), 0, replicates - 2] / error[np.arange(len(error)), 0, replicates - 2]
    p_values = 2 * stdtr(replicates - 1, -np.abs(t))
    # Two standard errors of a share of 20,000 are 0.003.
    assert (p_values <= 0.05).mean() > 0.055
    assert (corrected(p_values[:, None]) <= 0.05).mean() < 0.053


def test_the_vectorised_rule_above_is_that_of_a_run():
    log_ratios = np.random.default_rng(9).normal(0, 0.03, (200, 1, 20))
    _, error = running(log_ratios)
    for sample, replicates in zip(log_ratios[:, 0], stopped(error, 20, 0.02), strict=True):
        target = Target(0.02)
        taken = 0
        while taken < len(sample) and not target.reached("case"):
            target.record("case", sample[taken])
            taken += 1
        assert taken == replicates


def test_an_explanation_is_enough_two_walks_after_it_first_closed():
    assert shown([1.0, 1.01, 0.99, 1.0, 1.01, 0.99, 1.0, 1.01]) == 8
    assert shown([0.9, 1.1, *[1.0, 1.01, 0.99] * 10]) > 8


def test_an_explanation_that_leaves_much_open_is_never_enough():
    assert shown([0.9, 1.1] * 5) is None
    assert shown([1.1, 1.11, 1.09] * 4) is None


def test_a_case_needs_what_replicates_that_vary_alike_need_to_be_narrow_and_those_after_the_first_such_look():
    target = Target(0.02)
    assert target.needs("a") is None
    for log_ratio in (0.0, 0.05, -0.05, 0.05, -0.05, 0.0):
        target.record("a", log_ratio)
    # 1.96 x 0.0447 / 0.0198 squared is 19.6, and Student's quantiles ask for a few more.
    assert 20 + EXTRA <= target.needs("a") <= 23 + EXTRA


def test_a_case_that_is_known_needs_no_more_than_it_will_have():
    target = Target(0.02)
    for log_ratio in (0.001, 0.002, 0.001, 0.002, 0.001, 0.002):
        target.record("a", log_ratio)
    assert target.needs("a") == MIN_REPLICATES + EXTRA
    target.record("a", 0.5)
    assert target.needs("a") == MIN_REPLICATES + EXTRA
