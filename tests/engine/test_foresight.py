"""What a run needs is reckoned from what its matches took and how its replicates vary."""

from __future__ import annotations

from harness.analysis.statistics import MIN_REPLICATES
from harness.engine.foresight import verdict_need, width_need
from harness.engine.stopping import EXTRA, Budget, Like, Target


def spent(spent_s, **took_s):
    now_s = [0.0]
    budget = Budget(60.0, lambda: now_s[0])
    for kind, match_s in took_s.items():
        budget.record(Like(kind), match_s)
    now_s[0] = spent_s
    return budget


def test_a_verdict_needs_what_is_spent_and_what_comes_before_the_last_of_its_matches():
    need = verdict_need(spent(10.0, a=8.0, b=4.0), 2, MIN_REPLICATES, [Like("a"), Like("b"), Like("new")])
    assert (need.cases, need.within, need.replicates) == (2, None, MIN_REPLICATES)
    # A new kind takes what any usually does.
    assert need.needs_s == 10.0 + 8.0 + 4.0 + 6.0


def test_no_width_can_be_told_before_a_case_has_the_replicates_of_a_verdict():
    target = Target(0.02)
    for log_ratio in (0.0, 0.1, 0.2, 0.3):
        target.record("a", log_ratio)
    assert width_need(spent(10.0, a=8.0), target, {"a": ["a"]}) is None


def test_a_case_without_replicates_is_taken_to_need_what_the_others_do():
    target = Target(0.02)
    for log_ratio in (0.0, 0.05, -0.05, 0.05, -0.05, 0.0):
        target.record("a", log_ratio)
    need = width_need(spent(50.0, a=8.0, b=4.0), target, {"a": ["a"], "b": ["b"]})
    assert (need.cases, need.within) == (2, 0.02)
    assert need.replicates == target.needs("a") > MIN_REPLICATES + EXTRA
    assert need.needs_s == 50.0 + (need.replicates - MIN_REPLICATES) * 8.0 + need.replicates * 4.0


def test_of_a_case_that_is_asked_twice_the_wider_answer_counts():
    target = Target(0.02)
    for log_ratio in (0.0, 0.001, 0.0, 0.001, 0.0, 0.001):
        target.record("a", log_ratio)
        target.record("a at best", 50 * log_ratio)
    need = width_need(spent(0.0, a=1.0), target, {"a": ["a", "a at best"]})
    assert need.replicates == target.needs("a at best") > target.needs("a")
