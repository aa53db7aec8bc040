"""What a framework has on a device is what its record says; anything else is refused in a line."""

from __future__ import annotations

import pytest

from harness.errors import BadOption
from harness.settings.offers import certifiable, require_adam
from harness.work.changes import contender, differences
from tests.settings.test_grid import planned


@pytest.mark.parametrize(
    ("device", "modes", "formats"),
    [
        ("cpu", {"loop", "eager", "compiled", "idiomatic"}, {"fp32", "bf16", "fp64"}),
        (
            "cuda:0",
            {"loop", "eager", "compiled", "idiomatic", "graph"},
            {"fp32", "tf32", "bf16", "fp16", "fp64"},
        ),
    ],
)
def test_the_ways_of_a_framework_are_all_that_can_have_a_certificate_on_a_device(
    tmp_path, device, modes, formats
):
    found = certifiable("pytorch", device)
    assert len(found) == len(set(found)) == len(modes) * len(formats)
    assert {mode for mode, _ in found} == modes
    assert {precision for _, precision in found} == formats
    for mode, precision in found:
        assert planned(tmp_path, device=device, mode=mode.value, precision=precision.value).cases


@pytest.mark.parametrize(
    ("named", "has"),
    [
        ("tensorflow/mnist-cpu-loop-fp32-b64-e5-fused", "what TensorFlow has there: the stock Adam alone"),
        ("pytorch/mnist-cpu-eager-fp32-b64-e5-fused", "what PyTorch has there: loop-foreach, loop-fused"),
    ],
)
def test_an_adam_that_a_framework_does_not_have_is_refused_in_one_line(named, has):
    with pytest.raises(BadOption) as refused:
        require_adam(contender(named, 0))
    assert str(refused.value) == f"CASE={named}: not allowed; use {has}"


def test_a_contender_is_named_with_its_adam():
    named = "pytorch/mnist-cpu-loop-fp32-b64-e5-fused"
    require_adam(contender(named, 0))
    assert contender(named, 0).id == named
    assert differences(contender(named, 0), contender("pytorch/mnist-cpu-loop-fp32-b64-e5", 0)) == [
        "implementation of Adam"
    ]
