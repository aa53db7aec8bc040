"""The idx format, read strictly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.data import idx
from harness.errors import DataUnavailable

IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "images"


def test_the_header_of_mnists_training_images_is_the_published_one() -> None:
    assert idx.header((60_000, 28, 28)).hex() == "00000803" + "0000ea60" + "0000001c" + "0000001c"
    assert idx.size_bytes((60_000, 28, 28)) == 47_040_016
    assert idx.size_bytes((10_000,)) == 10_008


@given(st.lists(st.integers(0, 5), min_size=1, max_size=3), st.integers(0, 255))
def test_what_is_encoded_is_as_long_as_announced_and_ends_with_the_values(
    shape: list[int], value: int
) -> None:
    values = np.full(shape, value, np.uint8)
    encoded = idx.encode(values)
    assert len(encoded) == idx.size_bytes(values.shape)
    assert encoded == idx.header(values.shape) + bytes([value]) * values.size


def test_what_is_encoded_is_read_back(path: Path) -> None:
    path.write_bytes(idx.encode(IMAGES))
    found = idx.read(path, (2, 3, 4))
    np.testing.assert_array_equal(found, IMAGES)
    assert found.dtype == np.uint8
    assert not found.flags.writeable


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "opens with nothing"),
        (b"\x1f\x8b\x08\x08" + bytes(30), "opens with 1f8b0808; idx bytes of this kind open with 00000803"),
        (idx.encode(np.arange(4, dtype=np.uint8)), "opens with 00000801"),
        (idx.encode(IMAGES)[:9], "ends inside the idx header"),
        (idx.encode(IMAGES[:1]), r"holds \(1, 3, 4\) values; expected \(2, 3, 4\)"),
        (idx.encode(IMAGES)[:-1], "39 bytes; an idx file of .* has 40"),
        (idx.encode(IMAGES) + b"\0", "41 bytes; an idx file of .* has 40"),
    ],
)
def test_another_content_is_refused_and_named(path: Path, content: bytes, words: str) -> None:
    path.write_bytes(content)
    with pytest.raises(DataUnavailable, match=words) as caught:
        idx.read(path, (2, 3, 4))
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(path: Path) -> None:
    with pytest.raises(DataUnavailable, match="images: cannot be read"):
        idx.read(path, (2, 3, 4))
