"""Rounds long enough for the clock and short enough to take turns, the same for all."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.engine.rounds import SLACK, Pace, fastest, plan_rounds
from harness.work.workload import Case, Mode, Workload


def case(mode=Mode.LOOP, **work):
    return Case(workload=Workload(**work), device="cpu", mode=mode)


def planned(epoch_s, *, evaluate_s=None, least_s=0.2, mode=Mode.LOOP, **work):
    return plan_rounds(case(mode, **work), Pace(epoch_s=epoch_s, evaluate_s=evaluate_s), least_s)


# No deadline: a busy machine is not a bug.
@pytest.mark.slow
@settings(deadline=None)
@given(
    epoch_s=st.floats(1e-4, 1e3),
    epochs=st.integers(1, 40),
    batch_size=st.integers(1, 3000),
    train_samples=st.integers(3000, 60_000),
)
def test_the_rounds_are_the_epochs_whole_and_in_order(epoch_s, epochs, batch_size, train_samples):
    rounds = planned(epoch_s, epochs=epochs, batch_size=batch_size, train_samples=train_samples)
    parts = [part for one in rounds.train for part in one]
    for epoch in range(epochs):
        edges = [(part.first, part.last) for part in parts if part.epoch == epoch]
        assert edges[0][0] == 0
        assert edges[-1][1] == train_samples
        assert all(last == first for (_, last), (first, _) in pairwise(edges))
        assert all(first % batch_size == 0 and first < last for first, last in edges)
    assert [part.epoch for part in parts] == sorted(part.epoch for part in parts)


@pytest.mark.slow
@settings(deadline=None)
@given(epoch_s=st.floats(1e-3, 100), epochs=st.integers(1, 40))
def test_a_round_is_as_long_as_asked_wherever_the_work_allows(epoch_s, epochs):
    rounds = planned(epoch_s, epochs=epochs, batch_size=64)
    sample_s = epoch_s / 60_000
    shortest_s = min(sum(part.last - part.first for part in one) for one in rounds.train) * sample_s
    a_partial_batch_s = 64 * sample_s
    assert shortest_s >= min(0.2, epochs * epoch_s * 0.99) - a_partial_batch_s


def test_long_epochs_are_split_into_equal_numbers_of_steps():
    rounds = planned(1.0, epochs=2, batch_size=64)
    assert len(rounds.train) == 2 * 3
    steps = [-(-(one.last - one.first) // 64) for (one,) in rounds.train]
    assert max(steps) - min(steps) <= 1
    assert [one.ends_epoch(Workload()) for (one,) in rounds.train] == [False, False, True] * 2


def test_short_epochs_are_grouped_and_none_is_left_to_a_short_round():
    rounds = planned(0.1, epochs=8)
    assert [len(one) for one in rounds.train] == [4, 4]
    assert [len(one) for one in planned(0.1, epochs=7).train] == [3, 4]


def test_a_single_short_epoch_is_one_round():
    assert [len(one) for one in planned(0.01, epochs=1).train] == [1]


@pytest.mark.parametrize("mode", [Mode.IDIOMATIC, Mode.ARTICLE])
def test_epochs_that_belong_together_stay_whole(mode):
    assert len(planned(5.0, epochs=3, mode=mode).train) == 3


def test_an_epoch_in_one_call_is_cut_as_any_other():
    assert planned(5.0, epochs=3, mode=Mode.GRAPH) == planned(5.0, epochs=3)


def test_an_unknown_pace_gives_a_round_an_epoch_and_one_pass():
    rounds = planned(None, epochs=4)
    assert [len(one) for one in rounds.train] == [1, 1, 1, 1]
    assert rounds.passes == 1


def test_passes_over_the_test_set_fill_a_round():
    assert planned(1.0, evaluate_s=0.03).passes == 7
    assert planned(1.0, evaluate_s=3.0).passes == 1


def test_the_evaluations_of_grouped_epochs_fill_a_round_together():
    assert planned(0.05, epochs=10, evaluate_s=0.01).passes == 4


def test_the_faster_side_decides():
    said = [{"train_sample_s": 2e-5, "evaluate_s": 0.1}, {"train_sample_s": 1e-5, "evaluate_s": 0.2}]
    pace = fastest(case(), said)
    assert pace.epoch_s == pytest.approx(0.6)
    assert pace.evaluate_s == pytest.approx(0.1)


def test_nothing_is_said_of_a_pace_that_nobody_told():
    assert fastest(case(), [{"train_sample_s": None, "evaluate_s": None}]) == Pace(
        epoch_s=None, evaluate_s=None
    )


def test_where_the_sides_cut_other_batches_epochs_stay_whole():
    pace = Pace(epoch_s=10, evaluate_s=None)
    assert len(plan_rounds(case(epochs=2), pace, 0.2, divisible=False).train) == 2


@settings(deadline=None)
@given(
    epoch_s=st.floats(1e-3, 100),
    batch_size=st.integers(1, 3000),
    train_samples=st.integers(3000, 60_000),
    whole_steps=st.integers(1, 300),
    count=st.integers(1, 20),
)
def test_steps_that_belong_together_fill_rounds_whatever_epochs_these_go_across(
    epoch_s, batch_size, train_samples, whole_steps, count
):
    work = Workload(batch_size=batch_size, train_samples=train_samples)
    some = Case(workload=work, device="cpu", mode=Mode.LOOP)
    pace = Pace(epoch_s=epoch_s, evaluate_s=None)
    rounds = plan_rounds(some, pace, 0.1, count=count, whole_steps=whole_steps).train
    steps = [sum(-(-(part.last - part.first) // batch_size) for part in one) for one in rounds]
    assert len(rounds) == count
    assert len(set(steps)) == 1
    assert steps[0] % whole_steps == 0
    # As few times as many as last so long, with what a pace may be off by.
    step_s, planned_s = epoch_s / work.steps_per_epoch, 0.1 * SLACK
    assert steps[0] * step_s >= planned_s * (1 - 1e-9)
    assert steps[0] == whole_steps or (steps[0] - whole_steps) * step_s < planned_s * (1 + 1e-9)
    parts = [part for one in rounds for part in one]
    assert (parts[0].epoch, parts[0].first) == (0, 0)
    for before, after in pairwise(parts):
        goes_on = (before.epoch, before.last) == (after.epoch, after.first)
        begins = (before.epoch + 1, train_samples, 0) == (after.epoch, before.last, after.first)
        assert goes_on or begins


def test_without_a_number_such_rounds_are_as_many_as_the_epochs_hold():
    pace = Pace(epoch_s=1.0, evaluate_s=None)
    rounds = plan_rounds(case(epochs=3, batch_size=64), pace, 0.08, whole_steps=100)
    assert len(rounds.train) == 3 * 938 // 100
    unknown = Pace(epoch_s=None, evaluate_s=None)
    assert plan_rounds(case(epochs=3, batch_size=64), unknown, 0.1, whole_steps=100) == rounds


def test_where_epochs_stay_whole_so_many_make_a_round_that_half_a_step_is_little_of_it():
    pace = Pace(epoch_s=1.0, evaluate_s=None)
    some = case(mode=Mode.IDIOMATIC, epochs=12, batch_size=1000)
    rounds = plan_rounds(some, pace, 0.1, whole_steps=100)
    assert [len(one) for one in rounds.train] == [6, 6]
    assert [len(one) for one in plan_rounds(some, pace, 0.1, whole_steps=20).train] == [1] * 12
    unknown = Pace(epoch_s=None, evaluate_s=None)
    assert [len(one) for one in plan_rounds(some, unknown, 0.1, whole_steps=100).train] == [6, 6]
    assert len(plan_rounds(some, unknown, 0.1, count=4, whole_steps=100).train[3]) == 5
