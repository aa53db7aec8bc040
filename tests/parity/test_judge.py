"""The judge: a pure function of what one side said and of what it is held against."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.parity.bounds import bounds_for, growth
from harness.parity.evidence import Evidence
from harness.parity.judge import CHECKS, judge
from harness.work.workload import Precision

EQUAL = (
    "settings", "data", "parameters", "initial weights", "optimiser", "batch order", "epoch", "timed step",
    "whole and parts",
)  # fmt: skip


def honest(timed="fp32"):
    """One side's evidence about work that is right: two steps of a model with one parameter."""
    side = Evidence()
    for check in EQUAL:
        side.fact(check, "something", asked=7, found=7)
    side.measured["batch size"] = np.array(64)
    side.measured["precisions"] = np.array(["fp64", timed])
    side.measure("evaluation/test loss", 2.3, 2.3)
    side.measure("evaluation/accuracy", 0.1, 0.1)
    side.measure("evaluation/logits", np.ones((5, 10)), np.ones((5, 10)))
    side.measure("dropout/rate", 0.2001, 0.2)
    side.measure("dropout/dropped twice", 0.0399, 0.04)
    side.measure("dropout/scale", [1.25], 1.25)
    side.measure("dropout/change in evaluation", 0.0, 0.0)
    side.measured["timed step/draws"] = np.array(10**6)
    side.measure("timed step/dropout rate", 0.2001, 0.2)
    side.measure("timed step/dropout scale", [1.25], 1.25)
    for check in (*Precision, "timed step", "whole and parts"):
        side.measure(f"{check}/loss", [2.3, 2.2], [2.3, 2.2])
        for quantity, value in (("gradients", 0.1), ("second_moments", 0.01), ("weights", 0.5)):
            array = np.full((2, 10), value)
            side.measure(f"{check}/{quantity}/output_bias", array, array.copy())
    return side


def failed(side, **settings):
    return {(one.check, one.quantity) for one in judge(side, **settings) if not one.holds}


@pytest.mark.parametrize("timed", [one for one in Precision if one is not Precision.FP64])
def test_equal_testimony_passes_and_every_check_of_its_precision_has_a_finding(timed):
    found = judge(honest(timed))
    assert all(one.holds for one in found)
    others = {f"steps in {one}" for one in Precision} - {"steps in fp64", f"steps in {timed}"}
    assert {one.check for one in found} == set(CHECKS) - others


@pytest.mark.parametrize("check", EQUAL)
def test_a_fact_that_is_not_what_was_asked_fails(check):
    other = honest()
    other.found[check, "something"] = "8"
    assert failed(other) == {(check, "something")}


@pytest.mark.parametrize(
    ("name", "by", "check", "quantity"),
    [
        ("evaluation/test loss", 1e-4, "evaluation", "test loss"),
        ("evaluation/accuracy", 3e-4, "evaluation", "accuracy"),
        ("evaluation/logits", 2e-4, "evaluation", "logits"),
        ("dropout/rate", 0.005, "dropout", "rate"),
        ("dropout/dropped twice", 0.16, "dropout", "dropped twice"),
        ("dropout/scale", -0.25, "dropout", "scale"),
        ("dropout/change in evaluation", 1e-9, "dropout", "change in evaluation"),
        ("fp64/loss", 1e-11, "steps in fp64", "loss"),
        ("fp64/gradients/output_bias", 1e-11, "steps in fp64", "gradients of output_bias"),
        ("fp64/weights/output_bias", 2e-10, "steps in fp64", "weights of output_bias"),
        ("fp32/loss", 1e-4, "steps in fp32", "loss"),
        ("fp32/gradients/output_bias", 2e-5, "steps in fp32", "gradients of output_bias"),
        ("fp32/weights/output_bias", 2e-4, "steps in fp32", "weights of output_bias"),
        ("timed step/loss", 1e-4, "timed step", "loss"),
        ("timed step/gradients/output_bias", 2e-5, "timed step", "gradients of output_bias"),
        ("timed step/second_moments/output_bias", 2e-7, "timed step", "second moments of output_bias"),
        ("timed step/weights/output_bias", 2e-6, "timed step", "weights of output_bias"),
        ("timed step/dropout rate", 0.006, "timed step", "dropout rate"),
        ("timed step/dropout scale", -0.25, "timed step", "dropout scale"),
        ("whole and parts/loss", 1e-4, "whole and parts", "loss"),
        ("whole and parts/weights/output_bias", 2e-4, "whole and parts", "weights of output_bias"),
    ],
)
def test_a_difference_above_its_bound_fails_alone(name, by, check, quantity):
    other = honest()
    other.measured[name] = other.measured[name] + by
    assert failed(other) == {(check, quantity)}


def test_a_difference_in_one_element_of_one_step_is_enough():
    other = honest()
    other.measured["fp32/weights/output_bias"][1, 9] += 2e-4
    found = judge(other)
    (finding,) = [one for one in found if not one.holds]
    assert finding.difference == pytest.approx(2e-4)
    assert finding.sentence.startswith("weights of output_bias: 0.50019999999999998, reference 0.5 (")
    assert "bound 0.0001" in finding.sentence


@pytest.mark.parametrize("name", ["fp64/loss", "evaluation/logits", "dropout/rate"])
def test_not_a_number_never_holds(name):
    other = honest()
    other.measured[name] = other.measured[name] * np.nan
    assert name.replace("fp64", "steps in fp64") in {"/".join(key) for key in failed(other)}


def test_another_shape_fails_in_words():
    other = honest()
    other.measured["evaluation/logits"] = np.ones((4, 10))
    (finding,) = [one for one in judge(other) if not one.holds]
    assert finding.meaning == "the shapes differ"
    assert (finding.expected, finding.found) == ("shape (5, 10)", "shape (4, 10)")


@pytest.mark.parametrize("name", ["fp32/weights/output_bias", "evaluation/accuracy", "dropout/scale"])
def test_what_a_side_does_not_say_fails(name):
    other = honest()
    del other.measured[name]
    (finding,) = [one for one in judge(other) if not one.holds]
    assert name in finding.sentence


def test_facts_that_nobody_asked_for_fail():
    silent = Evidence(measured=honest().measured, reference=honest().reference)
    assert failed(silent) == {(check, "evidence") for check in EQUAL}


def test_a_case_in_float64_is_not_asked_for_float32():
    side = honest()
    side.measured["precisions"] = np.array(["fp64"])
    for name in [name for name in side.measured if name.startswith("fp32")]:
        del side.measured[name]
    found = judge(side)
    assert all(finding.holds for finding in found)
    assert "steps in fp32" not in {finding.check for finding in found}


def test_bounds_are_data():
    other = honest()
    other.measured["evaluation/test loss"] = np.array(2.4)
    assert failed(other, bounds=replace(bounds_for(Precision.FP32, 64), test_loss=0.1)) == set()


@pytest.mark.parametrize(
    ("timed", "relative_error", "caught"),
    [("fp32", 1e-3, True), ("fp16", 1e-3, True), ("bf16", 1e-3, False), ("bf16", 1e-2, True)],
)
def test_a_coarser_format_may_differ_by_its_own_rounding_and_no_more(timed, relative_error, caught):
    other = honest(timed)
    other.measured[f"{timed}/loss"] = other.measured[f"{timed}/loss"] * (1 + relative_error)
    assert failed(other) == ({(f"steps in {timed}", "loss")} if caught else set())


def test_sums_over_larger_batches_may_differ_more_where_they_are_added_up_coarsely():
    few, many = (bounds_for(Precision.BF16, size).steps[Precision.BF16] for size in (64, 1024))
    assert many.bias_gradient == pytest.approx(4 * few.bias_gradient)
    assert many.kernel_gradient == few.kernel_gradient
    exact = [bounds_for(Precision.FP32, size) for size in (64, 1024)]
    assert exact[0] == exact[1]


def test_every_bound_widens_with_the_roundoff_and_float64_stays_as_it_is():
    exact, fine, coarse = (bounds_for(one, 64) for one in (Precision.FP32, Precision.FP16, Precision.BF16))
    for name in ("test_loss", "logit", "accuracy", "rate"):
        assert getattr(exact, name) < getattr(fine, name) < getattr(coarse, name)
    assert {one.steps[Precision.FP64] for one in (exact, fine, coarse)} == {exact.steps[Precision.FP64]}


def test_the_bounds_are_no_looser_than_what_was_agreed():
    double, single = (bounds_for(Precision.FP32, 64).steps[one] for one in (Precision.FP64, Precision.FP32))
    assert double.loss <= 1e-12
    assert double.weight <= 1e-10
    assert single.weight <= 1e-4
    assert bounds_for(Precision.FP32, 64).test_loss <= 1e-5


def test_bounds_widen_with_the_inputs_and_the_number_of_layers_and_never_narrow():
    shapes = [(32,), (128,), (1024,), (4096,), (512, 512), (512, 512, 512)]
    grown = [growth(hidden) for hidden in shapes]
    assert grown[0] == grown[1] == 1
    assert grown == sorted(grown)
    # Sums of 784, 512, 512 and 512 forward and of 512, 512 and 10 back, over those of 784, 128 and 10.
    assert grown[-1] == pytest.approx((28 + 5 * 512**0.5 + 10**0.5) / (28 + 128**0.5 + 10**0.5))
    usual, deep = (bounds_for(Precision.FP32, 64, hidden) for hidden in (shapes[1], shapes[-1]))
    for precision in (Precision.FP64, Precision.FP32):
        for name in ("loss", "kernel_gradient", "bias_gradient"):
            narrow, wide = (getattr(one.steps[precision], name) for one in (usual, deep))
            assert wide == pytest.approx(narrow * grown[-1])
        for name in ("second_moment", "update", "repeat"):
            narrow, wide = (getattr(one.steps[precision], name) for one in (usual, deep))
            assert wide == narrow
    assert bounds_for(Precision.FP32, 64, (128,)) == bounds_for(Precision.FP32, 64)


def test_no_weight_may_be_further_off_than_its_steps_could_take_it():
    (wide,) = {bounds_for(Precision.FP32, 64, (16_384,) * 8).steps[Precision.FP32].weight}
    assert wide == 0.02
    assert bounds_for(Precision.FP32, 64, (512, 512)).steps[Precision.FP32].weight < 0.002


def test_a_narrow_format_is_rounded_by_every_layer():
    one, three = (
        bounds_for(Precision.BF16, 64, hidden).steps[Precision.BF16] for hidden in ((512,), (512,) * 3)
    )
    assert three.kernel_gradient == pytest.approx(2 * one.kernel_gradient)
