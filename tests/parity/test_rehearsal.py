"""NumPy's own training: right gradients, and masks that keep every unit off ReLU's kink."""

from __future__ import annotations

import numpy as np
import pytest

from harness.parity import rehearsal
from harness.work import recipe
from harness.work.workload import Adam, Precision, Workload

WORK = Workload(precision=Precision.FP64, batch_size=400, train_samples=1000, epochs=2, eval_batch_size=20)


@pytest.fixture
def data():
    rng = np.random.default_rng(2)
    return rng.normal(size=(1000, 784)), rng.integers(10, size=1000)


def model_of(parameters):
    zeros = tuple(np.zeros_like(one) for one in parameters)
    return rehearsal._Model(parameters=parameters, first_moments=zeros, second_moments=zeros, steps=0)


@pytest.mark.parametrize("index", range(4))
def test_gradients_are_those_of_the_mean_loss(data, index):
    inputs, labels = data
    parameters = tuple(recipe.initial_weights(WORK).named().values())
    mask = rehearsal.drawn_mask(WORK, 0)
    exact = rehearsal._run(model_of(parameters), inputs[:16], labels[:16], mask).gradients[index]
    place = np.unravel_index(np.abs(exact).argmax(), exact.shape)
    losses = []
    for nudge in (1e-6, -1e-6):
        nudged = [one.copy() for one in parameters]
        nudged[index][place] += nudge
        losses.append(rehearsal._run(model_of(tuple(nudged)), inputs[:16], labels[:16], mask).loss)
    assert (losses[0] - losses[1]) / 2e-6 == pytest.approx(exact[place], rel=1e-6)


def test_adams_first_step_is_the_learning_rate_towards_the_gradients_sign():
    start = model_of((np.zeros(3),))
    (moved,) = rehearsal._updated(start, (np.array([2.0, -0.5, 0.0]),), Adam()).parameters
    assert moved == pytest.approx([-1e-3, 1e-3, 0], rel=1e-6)


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
    assert first.first_loss == again.first_loss


def test_masks_drop_at_the_rate_keep_the_mean_and_differ_between_epochs():
    work = Workload(eval_batch_size=10_000)
    first, second = (rehearsal.drawn_mask(work, epoch) for epoch in (0, 1))
    assert first.shape == (10_000, 128)
    assert set(np.unique(first)) == {0, 1.25}
    assert first.mean() == pytest.approx(1, abs=0.005)
    assert not np.array_equal(first, second)


def test_without_dropout_every_unit_is_kept_as_it_is():
    assert np.all(rehearsal.drawn_mask(Workload(dropout_rate=0.0), 0) == 1)
