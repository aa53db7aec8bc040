"""NumPy's own step: gradients of the mean loss, Adam in both of its forms, scores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.parity import reference
from harness.parity.timed import _clear_of_the_kink
from harness.work import recipe
from harness.work.workload import Adam, AdamForm, Precision, Workload

WORK = Workload(precision=Precision.FP64, batch_size=400, train_samples=1000, epochs=2, eval_batch_size=20)


@pytest.fixture
def data():
    rng = np.random.default_rng(2)
    return rng.normal(size=(16, 784)), rng.integers(10, size=16)


@pytest.mark.parametrize(
    ("hidden", "index"),
    [*(((128,), index) for index in range(4)), *(((20, 30, 5), index) for index in range(8))],
)
def test_gradients_are_those_of_the_mean_loss(data, hidden, index):
    work = replace(WORK, hidden=hidden)
    parameters = reference.arrays(recipe.initial_weights(work))
    rng = np.random.default_rng(3)
    masks = [(rng.random((16, units)) >= 0.2) / 0.8 for units in hidden]
    exact = reference.run(parameters, *data, masks).gradients[index]
    place = np.unravel_index(np.abs(exact).argmax(), exact.shape)
    losses = []
    for nudge in (1e-6, -1e-6):
        nudged = [one.copy() for one in parameters]
        nudged[index][place] += nudge
        losses.append(reference.run(nudged, *data, masks).loss)
    assert (losses[0] - losses[1]) / 2e-6 == pytest.approx(exact[place], rel=1e-6)


def test_how_far_from_the_kink_a_sample_is_follows_from_the_units_that_dropout_keeps(data):
    work = replace(WORK, hidden=(30, 20))
    inputs, labels = data
    parameters = reference.arrays(recipe.initial_weights(work))
    rng = np.random.default_rng(5)
    masks = [(rng.random((16, units)) >= 0.2) / 0.8 for units in work.hidden]
    near = reference.from_zero(parameters, inputs, masks)
    first = inputs @ parameters[0] + parameters[1]
    second = (np.maximum(first, 0) * masks[0]) @ parameters[2] + parameters[3]
    kept = [
        np.where(mask == 0, np.inf, np.abs(one)) for one, mask in zip((first, second), masks, strict=True)
    ]
    assert near == pytest.approx(np.minimum(*(one.min(axis=1) for one in kept)), rel=1e-12)
    # A step drops none of these units for being near.
    done = reference.run(parameters, inputs, labels, masks, clear_of_zero=float(near.min()) / 2)
    assert all(np.array_equal(one, mask != 0) for one, mask in zip(done.kept, masks, strict=True))


@pytest.mark.slow
def test_the_samples_of_a_step_keep_off_the_kink_in_every_layer_under_its_masks():
    work = replace(WORK, hidden=(64, 64))
    parameters = reference.arrays(recipe.initial_weights(work))
    rng = np.random.default_rng(6)
    inputs = rng.normal(size=(500, 784))
    samples = reference.Samples(inputs=inputs.__getitem__, labels=rng.integers(10, size=500))
    masks = [(rng.random((50, 64)) >= 0.2) / 0.8 for _ in work.hidden]
    chosen = _clear_of_the_kink(parameters, samples, masks, 5e-3, rng)
    assert len(chosen) == 50
    assert reference.from_zero(parameters, inputs[chosen], masks).min() > 5e-3
    assert reference.from_zero(parameters, inputs[:50], masks).min() < 5e-3
    # Where the data are few, some come twice.
    fewer = reference.Samples(inputs=inputs[:30].__getitem__, labels=samples.labels[:30])
    chosen = _clear_of_the_kink(parameters, fewer, masks, 5e-3, rng)
    assert reference.from_zero(parameters, inputs[chosen], masks).min() > 5e-3
    few = reference.Samples(inputs=inputs[:3].__getitem__, labels=samples.labels[:3])
    assert set(_clear_of_the_kink(parameters, few, masks, 10.0, rng)) == {0, 1, 2}


def model_of(parameter):
    zeros = (np.zeros_like(parameter),)
    return reference.Model(parameters=(parameter,), first_moments=zeros, second_moments=zeros, steps=0)


def test_adams_first_step_is_the_learning_rate_towards_the_gradients_sign():
    start, gradients = model_of(np.zeros(3)), (np.array([2.0, -0.5, 0.0]),)
    (moved,) = reference.updated(start, gradients, Adam(), AdamForm.CORRECTED).parameters
    assert moved == pytest.approx([-1e-3, 1e-3, 0], rel=1e-6)


@pytest.mark.slow
def test_the_corrected_form_is_that_of_pytorch_over_many_steps():
    torch = pytest.importorskip("torch")
    adam = Adam(epsilon=1e-3)
    parameter = torch.nn.Parameter(torch.zeros(5, dtype=torch.float64))
    optimizer = torch.optim.Adam(
        [parameter], lr=adam.learning_rate, betas=(adam.beta_1, adam.beta_2), eps=adam.epsilon
    )
    model = model_of(np.zeros(5))
    rng = np.random.default_rng(0)
    for _ in range(20):
        gradient = rng.normal(size=5) * 1e-3
        parameter.grad = torch.from_numpy(gradient)
        optimizer.step()
        model = reference.updated(model, (gradient,), adam, AdamForm.CORRECTED)
    assert model.parameters[0] == pytest.approx(parameter.detach().numpy(), abs=1e-12)


def test_the_forms_differ_by_what_epsilon_weighs_and_agree_without_it():
    gradient = (np.array([1e-6]),)
    for epsilon, alike in ((1e-7, False), (0.0, True)):
        corrected, reordered = (
            reference.updated(model_of(np.zeros(1)), gradient, Adam(epsilon=epsilon), form).parameters[0]
            for form in AdamForm
        )
        assert np.allclose(corrected, reordered, rtol=1e-9) == alike


def test_a_score_is_that_of_all_samples_in_their_order(data):
    inputs, labels = data
    samples = reference.Samples(inputs=inputs.__getitem__, labels=labels)
    work = replace(WORK, hidden=(30, 20))
    parameters = reference.arrays(recipe.initial_weights(work))
    outputs = reference.logits(parameters, samples)
    plain = reference.run(parameters, inputs, labels, [np.ones((16, units)) for units in work.hidden])
    assert outputs.shape == (16, 10)
    assert reference.loss_of(outputs, labels) == pytest.approx(plain.loss, rel=1e-12)
