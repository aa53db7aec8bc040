"""NumPy's own training under masks that keep every unit off ReLU's kink."""

from __future__ import annotations

import numpy as np
import pytest

from harness.parity import rehearsal
from harness.work import recipe
from harness.work.workload import Precision, Workload

WORK = Workload(precision=Precision.FP64, batch_size=400, train_samples=1000, epochs=2, eval_batch_size=20)


@pytest.fixture
def data():
    rng = np.random.default_rng(2)
    return rng.normal(size=(1000, 784)), rng.integers(10, size=1000)


def test_no_unit_that_is_kept_comes_close_to_zero(data):
    inputs, labels = data
    drawn = [rehearsal.drawn_mask(WORK, epoch) for epoch in range(WORK.epochs)]
    rehearsed = rehearsal.rehearse(WORK, inputs, labels)
    for before, after in zip(drawn, rehearsed.masks, strict=True):
        assert 0 < np.count_nonzero(before != after) < 0.05 * before.size
        assert not after[before != after].any()
    kernel, bias, *_ = recipe.initial_weights(WORK).named().values()
    batch = recipe.batches(recipe.batch_order(WORK, 0), WORK.batch_size)[0]
    from_zero = np.abs(inputs[batch] @ kernel + bias)
    assert from_zero[drawn[0] != 0].min() < rehearsal.TOO_CLOSE < from_zero[rehearsed.masks[0] != 0].min()


def test_a_rehearsal_is_the_same_every_time(data):
    first, again = (rehearsal.rehearse(WORK, *data) for _ in range(2))
    assert all(map(np.array_equal, first.masks, again.masks))
    assert first.losses == again.losses


def test_masks_drop_at_the_rate_keep_the_mean_and_differ_between_epochs():
    work = Workload(eval_batch_size=10_000)
    first, second = (rehearsal.drawn_mask(work, epoch) for epoch in (0, 1))
    assert first.shape == (10_000, 128)
    assert set(np.unique(first)) == {0, 1.25}
    assert first.mean() == pytest.approx(1, abs=0.005)
    assert not np.array_equal(first, second)


def test_without_dropout_every_unit_is_kept_as_it_is():
    assert np.all(rehearsal.drawn_mask(Workload(dropout_rate=0.0), 0) == 1)


def test_losses_and_states_follow_the_schedule_part_by_part(data):
    rehearsed = rehearsal.rehearse(WORK, *data)
    # Three batches of the first epoch one by one, then the second epoch whole.
    assert len(rehearsed.losses) == len(rehearsed.states) == 4
    assert sum(len(orders) for orders, _ in rehearsal.schedule(WORK)) == 4
    for state in rehearsed.states:
        assert [one.shape for one in state] == [(784, 128), (128,), (128, 10), (10,)]
