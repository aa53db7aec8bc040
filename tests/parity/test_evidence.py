"""Testimony travels through a file that cannot carry code."""

from __future__ import annotations

import numpy as np
import pytest

from harness.errors import ProtocolError
from harness.parity import evidence
from harness.parity.evidence import Evidence


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
