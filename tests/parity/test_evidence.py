"""Testimony travels through a file that cannot carry code."""

from __future__ import annotations

import numpy as np
import pytest

from harness.errors import ProtocolError
from harness.parity import evidence
from harness.parity.evidence import Evidence
from harness.parity.judge import MADE, STEPPED, judge


def test_what_is_written_is_read(tmp_path):
    given = Evidence()
    given.fact("epoch", "steps", asked=938, found=937)
    given.fact("batch order", "epoch 1", asked="ab/cd", found="ab/cd")
    given.measured["fp64/weights/output_bias"] = np.arange(6.0).reshape(2, 3)
    given.measured["precisions"] = np.array(["fp64", "fp32"])
    given.write(tmp_path / "side.npz")
    back = evidence.read(tmp_path / "side.npz")
    assert (back.asked, back.found) == (given.asked, given.found)
    assert back.measured.keys() == given.measured.keys()
    for name, array in given.measured.items():
        assert np.array_equal(back.measured[name], array)


def test_a_pickled_object_is_refused(tmp_path):
    np.savez(tmp_path / "side.npz", **{"measured/x": np.array([{"a": 1}], dtype=object)})
    with pytest.raises(ProtocolError, match="not evidence"):
        evidence.read(tmp_path / "side.npz")


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 cut off", b"no archive at all"])
def test_a_missing_or_damaged_file_is_refused(tmp_path, content):
    path = tmp_path / "side.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ProtocolError, match="not evidence"):
        evidence.read(path)


@pytest.mark.parametrize("kind", ["gradients", "weights", "second_moments"])
def test_of_a_steps_arrays_the_two_places_are_kept_by_which_it_is_judged(kind):
    rng = np.random.default_rng(4)
    found = rng.normal(size=(3, 50, 20))
    reference = found + rng.normal(size=found.shape) * 1e-7
    whole, places = Evidence(), Evidence()
    for side in (whole, places):
        side.measured["precisions"] = np.array(["fp32"])
        side.measure("timed step/loss", 2.3, 2.3)
    whole.measure(f"timed step/{kind}/output_bias", found, reference)
    for one, other in zip(found, reference, strict=True):
        places.measure_step(f"timed step/{kind}/output_bias", one, other)
    assert places.measured[f"timed step/{kind}/output_bias"].shape == (3, 2)
    (first,), (second,) = (
        [
            one
            for one in judge(side, checks=STEPPED)
            if one.quantity == f"{kind.replace('_', ' ')} of output_bias"
        ]
        for side in (whole, places)
    )
    assert first == second


@pytest.mark.parametrize("found", [np.ones((2, 3)), np.array([1.0, np.nan, 1.0])])
def test_a_step_of_another_shape_or_of_no_numbers_never_holds(found):
    side = Evidence()
    side.measure("whole and parts/loss", 2.3, 2.3)
    side.measure_step("whole and parts/weights/output_bias", found, np.ones(3))
    (finding,) = [one for one in judge(side, checks=MADE) if one.quantity == "weights of output_bias"]
    assert not finding.holds
