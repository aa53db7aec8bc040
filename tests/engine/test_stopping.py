"""A budget stops a run by time alone."""

from __future__ import annotations

from harness.engine.stopping import Budget


class Clock:
    def __init__(self):
        self.now_s = 100.0

    def __call__(self):
        return self.now_s


def test_the_first_pair_of_a_case_is_always_measured():
    clock = Clock()
    budget = Budget(10.0, clock)
    clock.now_s += 1000
    assert budget.allows("a")


def test_a_pair_that_would_overrun_is_not_started():
    clock = Clock()
    budget = Budget(10.0, clock)
    clock.now_s += 6
    budget.record("a", 4.0)
    assert budget.allows("a")
    clock.now_s += 0.5
    assert not budget.allows("a")


def test_the_longest_pair_of_the_case_counts():
    clock = Clock()
    budget = Budget(10.0, clock)
    budget.record("a", 9.0)
    budget.record("a", 1.0)
    clock.now_s += 2
    assert not budget.allows("a")


def test_the_time_left_is_what_the_pairs_need_but_never_more_than_the_budget():
    clock = Clock()
    budget = Budget(10.0, clock)
    assert budget.time_left_s(["a"]) is None
    budget.record("a", 2.0)
    budget.record("b", 4.0)
    assert budget.time_left_s(["a", "b"]) == 6.0
    assert budget.time_left_s(["new"]) == 3.0
    assert budget.time_left_s(["b"] * 10) == 10.0
    clock.now_s += 50
    assert budget.time_left_s(["b"]) == 0.0


def test_first_pairs_are_counted_even_when_the_budget_is_spent():
    clock = Clock()
    budget = Budget(10.0, clock)
    budget.record("a", 3.0)
    clock.now_s += 20
    assert budget.time_left_s(["a", "b", "c", "a", "b"]) == 6.0
