"""A file is what the catalogue says, byte for byte, or it is named."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from harness.data.catalogue import COLLECTIONS, SHAPES, TRAIN_IMAGES, fault, faults
from harness.work.workload import Dataset
from tests.small_dataset import COLLECTION, CONTENT, Recorder, flip_a_byte, write

ITEM = next(item for item in COLLECTION.items if item.name == TRAIN_IMAGES)
WHOLE = CONTENT[TRAIN_IMAGES]


@pytest.mark.parametrize("dataset", Dataset)
def test_every_data_set_has_the_four_files_of_mnist_each_with_its_own_digest(dataset: Dataset) -> None:
    items = COLLECTIONS[dataset].items
    assert [item.name for item in items] == list(SHAPES)
    assert COLLECTIONS[dataset].total_bytes == 54_950_048
    assert all(len(bytes.fromhex(item.sha256)) == 32 for item in items)


def test_no_two_files_of_the_catalogue_share_a_digest() -> None:
    digests = [item.sha256 for collection in COLLECTIONS.values() for item in collection.items]
    assert len(set(digests)) == len(digests)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (WHOLE[:-1], "is truncated: 35 of 36 bytes"),
        (b"", "is truncated: 0 of 36 bytes"),
        (WHOLE + b"\0", "is too long: more than 36 bytes"),
        (WHOLE[:-1] + b"\xff", "is corrupt or another file: SHA-256 "),
    ],
)
@pytest.mark.parametrize("compressed", [False, True])
def test_what_is_wrong_with_a_file_is_said(
    tmp_path: Path, content: bytes, words: str, *, compressed: bool
) -> None:
    path = tmp_path / ("file.gz" if compressed else "file")
    path.write_bytes(gzip.compress(content) if compressed else content)
    why = fault(path, ITEM)
    assert why is not None
    assert why.startswith(words)


@pytest.mark.parametrize("compressed", [False, True])
def test_the_right_file_has_no_fault(tmp_path: Path, *, compressed: bool) -> None:
    folder = write(tmp_path, compressed=compressed)
    assert fault(folder / (TRAIN_IMAGES + ".gz" * compressed), ITEM) is None


@pytest.mark.parametrize(
    "damage", [lambda gz: gz[:-9], lambda gz: b"no gzip" + gz, lambda gz: gz[:-8] + bytes(8)]
)
def test_a_damaged_gz_file_is_not_whole(tmp_path: Path, damage: object) -> None:
    path = tmp_path / "file.gz"
    path.write_bytes(damage(gzip.compress(WHOLE)))  # type: ignore[operator]
    assert str(fault(path, ITEM)).startswith("is not a whole .gz file")


def test_a_gz_file_that_unpacks_to_much_more_is_not_unpacked_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "file.gz"
    path.write_bytes(gzip.compress(bytes(1 << 20))[:200])  # reading to its end would raise EOFError
    assert fault(path, ITEM) == "is too long: more than 36 bytes"


def test_a_missing_file_and_a_folder_in_its_place_are_told_apart(tmp_path: Path) -> None:
    assert fault(tmp_path / "nothing", ITEM) == "is missing"
    assert fault(tmp_path, ITEM) == "cannot be read (Is a directory)"


def test_verification_finds_the_one_damaged_file_and_reports_every_byte(tmp_path: Path) -> None:
    flip_a_byte(write(tmp_path) / TRAIN_IMAGES)
    recorder = Recorder()
    assert list(faults(COLLECTION, COLLECTION.paths(tmp_path), recorder)) == [tmp_path / TRAIN_IMAGES]
    assert recorder.steps[0] == ("verifying mnist", 0, COLLECTION.total_bytes)
    assert recorder.steps[-1] == ("verifying mnist", COLLECTION.total_bytes, COLLECTION.total_bytes)
