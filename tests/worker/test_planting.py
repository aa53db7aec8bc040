"""A planted slow-down is exactly the share that was told, of the framework's own work."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from harness.engine.rounds import Pace, plan_rounds
from harness.work.workload import Case, Mode, Workload
from harness.worker.planting import Planting, steps_together

BATCH = 4


def times(orders):
    """How often each sample stands in all of these orders."""
    return Counter(np.concatenate(orders).tolist())


@pytest.mark.parametrize("share", [0.01, 0.03, 0.05, 0.07, 0.5, 0.99])
@pytest.mark.parametrize("steps", [1, 7, 33, 100])
def test_the_share_holds_over_a_trial_whatever_its_rounds(share, steps):
    planting, rounds = Planting(share, BATCH), 700 // steps
    order = np.arange(steps * BATCH)
    again = sum(len(planting.planted(order)) - len(order) for _ in range(rounds))
    assert again == int(share * steps * rounds + 1e-9) * BATCH


def test_what_is_done_twice_are_whole_batches_of_the_round_evenly_among_the_others():
    order = np.arange(10 * BATCH + 1)
    planted = Planting(0.3, BATCH).planted(order)
    assert planted[-1] == order[-1]
    batches = planted[:-1].reshape(-1, BATCH)
    assert set(times([planted]).values()) == {1, 2}
    assert all((np.diff(batch) == 1).all() and batch[0] % BATCH == 0 for batch in batches)
    firsts = batches[:, 0].tolist()
    twice = [first for first, count in Counter(firsts).items() if count == 2]
    assert len(twice) == 3
    apart = [abs(firsts.index(first) - (len(firsts) - 1 - firsts[::-1].index(first))) for first in twice]
    assert min(apart) > 3


def test_a_round_without_a_whole_batch_leaves_what_is_due_to_the_next():
    planting = Planting(0.5, BATCH)
    short = np.arange(BATCH - 1)
    assert planting.planted(short) is short
    assert planting.planted(short) is short
    assert len(planting.planted(np.arange(2 * BATCH))) == 4 * BATCH


def test_nothing_is_planted_where_no_share_is():
    order = np.arange(8)
    assert Planting(0.0, BATCH).planted(order) is order


@pytest.mark.parametrize("share", [0.01, 0.03, 0.05, 0.07, 0.004, 0.4, 0.5])
@pytest.mark.parametrize("times", [1, 3])
def test_rounds_of_steps_that_belong_together_hold_equally_many_planted_ones(share, times):
    """Across epochs' ends, too, where a round is two parts or more; one more is due now and then."""
    work = Workload(batch_size=BATCH, train_samples=3001)
    case = Case(workload=work, device="cpu", mode=Mode.LOOP)
    together = steps_together(share) * times
    rounds = plan_rounds(case, Pace(epoch_s=None, evaluate_s=None), 0.1, count=120, whole_steps=together)
    planting = Planting(share, BATCH)
    again = [
        sum(len(planting.planted(np.arange(part.first, part.last))) - part.last + part.first for part in one)
        // BATCH
        for one in rounds.train
    ]
    usual, often = Counter(again).most_common(1)[0]
    assert usual == math.floor(share * together + 1e-9) >= 1
    assert again[0] == usual
    assert set(again) <= {usual, usual + 1}
    assert often >= 0.9 * len(again)
    assert usual / together == pytest.approx(share, rel=0.02)


def test_no_steps_belong_together_where_nothing_is_planted():
    assert steps_together(0.0) == 0
    assert [steps_together(share) for share in (0.01, 0.03, 0.05)] == [100, 34, 20]
