"""A workload refuses what cannot be trained, and a case has a name that says what it is."""

from __future__ import annotations

import numpy as np
import pytest

from harness.errors import BadOption
from harness.work.workload import FLOAT32_0_9, FLOAT32_0_999, Adam, Case, Mode, Workload


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("batch_size", 0),
        ("batch_size", 60_001),
        ("epochs", 0),
        ("train_samples", 0),
        ("train_samples", 60_001),
        ("eval_batch_size", 10_001),
        ("seed", -1),
        ("seed", 2**32),
        ("dropout_rate", 1.0),
        ("hidden", (0,)),
        ("hidden", (16_385,)),
        ("hidden", (2,) * 9),
    ],
)
def test_a_workload_refuses_values_out_of_range_and_names_them(field, value):
    shown = "x".join(map(str, value)) if field == "hidden" else str(value)
    with pytest.raises(BadOption, match=shown):
        Workload(**{field: value})


def test_a_batch_larger_than_the_training_set_is_refused():
    with pytest.raises(BadOption, match="at most the 100 training samples"):
        Workload(batch_size=101, train_samples=100)


def test_the_last_partial_batch_is_a_step():
    assert Workload(batch_size=64).steps_per_epoch == 938
    assert Workload(batch_size=32).steps_per_epoch == 1875


def test_the_model_has_101770_parameters():
    assert Workload().parameter_count == 784 * 128 + 128 + 128 * 10 + 10


def test_the_betas_are_the_same_number_in_float32_and_float64():
    assert float(np.float32(0.9)) == FLOAT32_0_9 == Adam().beta_1
    assert float(np.float32(0.999)) == FLOAT32_0_999 == Adam().beta_2


def test_a_case_is_named_after_its_parts_but_not_its_seed():
    case = Case(workload=Workload(batch_size=32, seed=7), device="cuda:1", mode=Mode.EAGER)
    assert case.id == "mnist-cuda1-eager-fp32-b32-e5"


def test_a_case_on_part_of_the_training_set_says_so_in_its_name():
    case = Case(workload=Workload(train_samples=6000), device="cpu", mode=Mode.LOOP)
    assert case.id.endswith("-n6000")


def test_a_network_has_a_layer_for_each_width_and_one_for_the_outputs():
    work = Workload(hidden=(512, 256))
    assert work.layers == ((784, 512), (512, 256), (256, 10))
    assert work.parameter_count == 785 * 512 + 513 * 256 + 257 * 10


def test_a_steps_arithmetic_is_two_a_product_forward_by_kernels_and_by_what_entered_but_for_the_inputs():
    forward = [784 * 512, 512 * 256, 256 * 10]
    backward = [784 * 512, 2 * 512 * 256, 2 * 256 * 10]
    assert Workload(hidden=(512, 256), batch_size=32).step_flop == 2 * 32 * sum((*forward, *backward))


def test_a_case_is_named_after_its_hidden_layers_where_they_are_not_the_usual_one():
    usual, deep = (
        Case(workload=Workload(hidden=hidden, train_samples=6000), device="cpu", mode=Mode.LOOP)
        for hidden in ((128,), (512, 512))
    )
    assert usual.id == "mnist-cpu-loop-fp32-b64-e5-n6000"
    assert deep.id == "mnist-cpu-loop-fp32-b64-e5-n6000-h512x512"
