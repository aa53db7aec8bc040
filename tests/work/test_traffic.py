"""What a step moves and holds, counted by hand from the shapes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.work.traffic import step_bytes, step_holds_bytes
from harness.work.workload import Precision, Workload

ONE = Workload(batch_size=64)
PARAMETERS = 784 * 128 + 128 + 128 * 10 + 10


def test_each_array_is_counted_once_for_each_reading_and_writing():
    inputs = 64 * 784
    outputs_and_gradients_written_and_read = 2 * 2 * 64 * (128 + 10)
    forward, second_kernel_backward = PARAMETERS, 128 * 10
    gradients, weights, moments = 2 * PARAMETERS, 2 * PARAMETERS, 4 * PARAMETERS
    moved = inputs + outputs_and_gradients_written_and_read + forward + second_kernel_backward
    assert step_bytes(ONE) == 4 * (moved + gradients + weights + moments)


def test_weights_gradients_and_moments_are_held_with_the_batch_and_what_the_layers_give():
    assert step_holds_bytes(ONE) == 4 * (64 * 784 + 4 * PARAMETERS + 2 * 64 * 138)


def test_every_layer_counts():
    three = Workload(batch_size=2, hidden=(3, 5))
    parameters = 784 * 3 + 3 + 3 * 5 + 5 + 5 * 10 + 10
    assert step_bytes(three) == 4 * (2 * 784 + 9 * parameters + 3 * 5 + 5 * 10 + 4 * 2 * (3 + 5 + 10))


@pytest.mark.parametrize("count", [step_bytes, step_holds_bytes])
def test_mixed_formats_halve_what_layers_give_and_nothing_else(count):
    narrow, wide = (count(replace(ONE, precision=one)) for one in (Precision.BF16, Precision.FP32))
    times = {step_bytes: 4, step_holds_bytes: 2}[count]
    assert wide - narrow == 2 * times * 64 * 138
    assert count(replace(ONE, precision=Precision.FP64)) == 2 * wide
