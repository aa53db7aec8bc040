"""One recipe: the same seed gives the same weights and order, whoever asks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.work import recipe
from harness.work.program import Initial, Scaling
from harness.work.recipe import Weights
from harness.work.workload import PIXEL_MEAN, PIXEL_STD, Precision, Workload

# Of seed 3: what runs of every version so far began with.
USUAL_WEIGHTS_SHA256 = "fb6d8794e5d388c30b2f9f663f2c1b389a4d606bd54e6572695b99bab4b7d9c8"


def test_the_same_seed_gives_the_same_weights_and_another_seed_gives_others():
    first, again = recipe.initial_weights(Workload(seed=3)), recipe.initial_weights(Workload(seed=3))
    other = recipe.initial_weights(Workload(seed=4))
    assert recipe.digest(*first.named().values()) == recipe.digest(*again.named().values())
    assert recipe.digest(*first.named().values()) != recipe.digest(*other.named().values())


def test_kernels_are_glorot_uniform_and_biases_zero():
    weights = recipe.initial_weights(Workload())
    limit = np.sqrt(6 / (784 + 128))
    hidden, output = weights.layers
    assert np.abs(hidden.kernel).max() <= limit
    # A uniform variable on [-l, l] has standard deviation l / sqrt(3); 100,352 draws pin it to 1 %.
    assert hidden.kernel.std() == pytest.approx(limit / np.sqrt(3), rel=0.01)
    assert not hidden.bias.any()
    assert not output.bias.any()


def test_float32_weights_are_the_float64_weights_rounded():
    single = recipe.initial_weights(Workload())
    double = recipe.initial_weights(Workload(precision=Precision.FP64))
    assert np.array_equal(single.layers[0].kernel, double.layers[0].kernel.astype(np.float32))


def test_an_epochs_order_visits_every_sample_once():
    order = recipe.batch_order(Workload(train_samples=1000), epoch=0)
    assert np.array_equal(np.sort(order), np.arange(1000))


def test_epochs_and_seeds_have_orders_of_their_own():
    work = Workload(train_samples=1000)
    first = recipe.batch_order(work, 0)
    assert not np.array_equal(first, recipe.batch_order(work, 1))
    assert not np.array_equal(first, recipe.batch_order(replace(work, seed=1), 0))
    assert np.array_equal(first, recipe.batch_order(work, 0))


def test_batches_keep_the_last_partial_one():
    cut = recipe.batches(np.arange(10), 4)
    assert [len(batch) for batch in cut] == [4, 4, 2]
    assert np.array_equal(np.concatenate(cut), np.arange(10))


def test_pixels_are_scaled_then_normalised_in_the_timed_precision():
    pixels = np.arange(256, dtype=np.uint8).repeat(784).reshape(256, 28, 28)
    double = recipe.normalised(pixels, Precision.FP64)
    assert double.shape == (256, 784)
    assert double[:, 0] == pytest.approx((np.arange(256) / 255 - PIXEL_MEAN) / PIXEL_STD, abs=1e-15)
    assert recipe.normalised(pixels, Precision.FP32).dtype == np.float32


def test_a_digest_tells_shape_type_and_content_apart():
    base = np.zeros((2, 3), np.float32)
    touched = base.copy()
    touched[1, 2] = 1e-30
    others = [base.reshape(3, 2), base.astype(np.float64), touched]
    assert len({recipe.digest(array) for array in [base, *others]}) == 4


def test_pixels_are_scaled_as_far_as_a_program_says():
    pixels = np.arange(256, dtype=np.uint8).repeat(784).reshape(256, 28, 28)
    raw, unit, normalised = (recipe.scaled(pixels, scaling, Precision.FP32) for scaling in Scaling)
    assert raw.dtype == np.uint8
    assert np.array_equal(raw[:, 0], np.arange(256))
    assert unit.dtype == np.float32
    assert unit[:, 0] == pytest.approx(np.arange(256) / 255)
    assert np.array_equal(normalised, recipe.normalised(pixels, Precision.FP32))


def test_first_weights_can_be_those_of_either_framework():
    work = Workload(seed=3)
    glorot, fan_in = (recipe.initial_weights(work, initial) for initial in Initial)
    hidden, output = fan_in.layers
    assert not glorot.layers[0].bias.any()
    for array, inputs in ((hidden.kernel, 784), (hidden.bias, 784), (output.kernel, 128)):
        assert 0.95 * inputs**-0.5 < np.abs(array).max() <= inputs**-0.5
    assert np.array_equal(glorot.layers[0].kernel, recipe.initial_weights(work).layers[0].kernel)


def test_the_usual_network_has_the_weights_that_it_always_had():
    weights = recipe.initial_weights(Workload(seed=3))
    assert list(weights.named()) == ["hidden_kernel", "hidden_bias", "output_kernel", "output_bias"]
    assert recipe.digest(*weights.named().values()) == USUAL_WEIGHTS_SHA256


def test_every_layer_has_a_kernel_and_a_bias_and_its_number_in_their_names():
    weights = recipe.initial_weights(Workload(hidden=(30, 20)))
    assert {name: array.shape for name, array in weights.named().items()} == {
        "hidden_1_kernel": (784, 30), "hidden_1_bias": (30,),
        "hidden_2_kernel": (30, 20), "hidden_2_bias": (20,),
        "output_kernel": (20, 10), "output_bias": (10,),
    }  # fmt: skip
    again = Weights.of(weights.named().values())
    assert all(np.array_equal(one, again.named()[name]) for name, one in weights.named().items())


def test_a_kernel_without_a_bias_is_no_layer():
    with pytest.raises(ValueError, match="zip"):
        Weights.of([np.zeros((2, 3))])


def test_no_two_layers_drop_from_one_seed_and_the_first_from_the_workloads():
    seeds = recipe.dropout_seeds(Workload(seed=7, hidden=(64, 64, 64)))
    assert seeds[0] == 7
    assert len(set(seeds)) == 3
    assert not set(seeds[1:]) & set(recipe.dropout_seeds(Workload(seed=8, hidden=(64, 64, 64))))
