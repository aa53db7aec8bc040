"""A planted slow-down is exactly the share that was told, of the framework's own work."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from harness.worker.planting import Planting

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
