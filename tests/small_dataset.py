"""A data set of four small files under MNIST's names, with digests of its own, for the data room's tests."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from harness.data import idx
from harness.data.catalogue import TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS, Collection, Item
from harness.data.fetch import Source
from harness.errors import DataUnavailable
from harness.work.workload import Dataset

CONTENT = {
    TRAIN_IMAGES: idx.encode(np.arange(5 * 4, dtype=np.uint8).reshape(5, 2, 2)),
    TRAIN_LABELS: idx.encode(np.arange(5, dtype=np.uint8)),
    TEST_IMAGES: idx.encode(np.arange(3 * 4, dtype=np.uint8).reshape(3, 2, 2)),
    TEST_LABELS: idx.encode(np.arange(3, dtype=np.uint8)),
}

COLLECTION = Collection(
    dataset=Dataset.MNIST,
    folder="MNIST",
    items=tuple(
        Item(name=name, size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
        for name, content in CONTENT.items()
    ),
)


def write(folder: Path, *, compressed: bool = False) -> Path:
    """Put the four files into `folder`, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in CONTENT.items():
        if compressed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / name).write_bytes(content)
    return folder


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@dataclass
class Recorder:
    """A reporter that remembers."""

    steps: list[tuple[str, int, int | None]] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    def progress(self, step: str, done_bytes: int, total_bytes: int | None) -> None:
        self.steps.append((step, done_bytes, total_bytes))

    def notice(self, sentence: str) -> None:
        self.notices.append(sentence)


@dataclass
class Shop:
    """A source that gives the four files and counts its customers."""

    visits: int = 0

    def source(self, name: str = "shop") -> Source:
        return Source(name=name, fetch=self._fetch)

    def _fetch(self, collection: Collection, folder: Path, reporter: object) -> Path:
        self.visits += 1
        return write(folder / "goods")


def closed(name: str, reason: str) -> Source:
    """A source that gives nothing."""

    def refuse(collection: Collection, folder: Path, reporter: object) -> Path:
        raise DataUnavailable(reason)

    return Source(name=name, fetch=refuse)


def damaged(name: str) -> Source:
    """A source that gives the four files with one byte flipped."""

    def fetch(collection: Collection, folder: Path, reporter: object) -> Path:
        write(folder)
        flip_a_byte(folder / TEST_LABELS)
        return folder

    return Source(name=name, fetch=fetch)
