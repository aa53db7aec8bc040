"""NumPy's own training under masks that keep every unit off ReLU's kink."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.parity import rehearsal
from harness.parity.reference import arrays
from harness.work import recipe
from harness.work.workload import Precision, Workload

WORK = Workload(precision=Precision.FP64, batch_size=400, train_samples=1000, epochs=2, eval_batch_size=20)
DEEP = replace(WORK, hidden=(60, 50, 40))


@pytest.fixture
def data():
    rng = np.random.default_rng(2)
    return rng.normal(size=(1000, 784)), rng.integers(10, size=1000)


def befores(parameters, inputs, kept, rate):
    """What each hidden layer's ReLU is given."""
    for kernel, bias, mask in zip(parameters[:-2:2], parameters[1:-2:2], kept, strict=True):
        before = inputs @ kernel + bias
        yield before
        inputs = np.maximum(before, 0) * rehearsal.scaled(mask, rate)


@pytest.mark.parametrize("work", [WORK, DEEP])
def test_no_unit_that_is_kept_comes_close_to_zero(data, work):
    inputs, labels = data
    rehearsed = rehearsal.rehearse(work, inputs, labels)
    batch, last = (recipe.batches(recipe.batch_order(work, 0), 400)[number] for number in (0, 2))
    first_weights = arrays(recipe.initial_weights(work))
    for parameters, of, step in ((first_weights, batch, 0), (rehearsed.states[1], last, 2)):
        kept = [layer[step, : len(of)] for layer in rehearsed.kept[0]]
        dropped_for_it = 0
        for before, mask in zip(befores(parameters, inputs[of], kept, 0.2), kept, strict=True):
            assert np.abs(before[mask]).min() >= rehearsal.CLEAR_OF_ZERO
            dropped_for_it += (np.abs(before) < rehearsal.CLEAR_OF_ZERO).sum()
        assert dropped_for_it


def test_a_rehearsal_is_the_same_every_time(data):
    first, again = (rehearsal.rehearse(DEEP, *data) for _ in range(2))
    for one, two in zip(first.kept, again.kept, strict=True):
        assert all(map(np.array_equal, one, two))
    assert first.losses == again.losses


def test_masks_drop_at_the_rate_and_differ_between_steps_epochs_and_layers(data):
    rehearsed = rehearsal.rehearse(replace(WORK, hidden=(128, 128)), *data)
    masks = [mask for epoch in rehearsed.kept for layer in epoch for mask in layer]
    assert len(masks) == 2 * 2 * 3
    for number, mask in enumerate(masks):
        assert mask.shape == (400, 128)
        assert mask.mean() == pytest.approx(0.8, abs=0.02)
        assert not any(np.array_equal(mask, other) for other in masks[:number])


def test_a_unit_that_is_kept_is_scaled_to_keep_the_mean():
    kept = np.array([True, False])
    assert rehearsal.scaled(kept, 0.2).tolist() == [1.25, 0]
    assert rehearsal.scaled(kept, 0.0).tolist() == [1, 0]


def test_losses_and_states_follow_the_schedule_part_by_part(data):
    rehearsed = rehearsal.rehearse(WORK, *data)
    # Three batches of the first epoch one by one, then the second epoch whole.
    assert len(rehearsed.losses) == len(rehearsed.states) == 4
    assert sum(len(orders) for orders, _ in rehearsal.schedule(WORK)) == 4
    for state in rehearsed.states:
        assert [one.shape for one in state] == [(784, 128), (128,), (128, 10), (10,)]


def test_the_wider_a_network_the_closer_to_zero_its_units_may_come_in_a_step():
    usual, wide, widest = (
        rehearsal.clear_in_a_step(Workload(hidden=hidden), 0.0)
        for hidden in ((128,), (512, 512), (16_384,) * 8)
    )
    assert usual == rehearsal.clear_in_a_step(Workload(hidden=(32,)), 0.0) == rehearsal.CLEAR_OF_ZERO
    assert wide == usual / 8
    assert widest == 1e-5
