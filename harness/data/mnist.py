"""The data room: find or fetch a data set, verify every file on every call, decode.

`locate` runs in the parent and gives a root in torchvision's layout whose files have the right SHA-256;
`load` runs in a worker and decodes them. A damaged file in the cache is set aside and fetched again; one
in the user's own folder is named and refused.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.data import idx
from harness.data.cache import in_cache
from harness.data.catalogue import (
    COLLECTIONS,
    SHAPES,
    TEST_IMAGES,
    TEST_LABELS,
    TRAIN_IMAGES,
    TRAIN_LABELS,
    Collection,
    faults,
    open_plain,
)
from harness.data.fetch import SOURCES, Source
from harness.data.progress import Reporter, Silent
from harness.errors import DataUnavailable
from harness.work.workload import Dataset


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFiles:
    """Verified files: `root` is a folder in torchvision's layout, `sha256` the digest of each file."""

    dataset: Dataset
    root: Path
    sha256: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """Decoded pixels (n, 28, 28) and labels (n,), all uint8 and read-only; n is 60,000 and 10,000."""

    train_images: NDArray[np.uint8]
    train_labels: NDArray[np.uint8]
    test_images: NDArray[np.uint8]
    test_labels: NDArray[np.uint8]


def locate(
    dataset: Dataset,
    *,
    data_dir: Path | None,
    cache: Path,
    reporter: Reporter | None = None,
    collections: Mapping[Dataset, Collection] = COLLECTIONS,
    sources: Mapping[Dataset, tuple[Source, ...]] = SOURCES,
) -> DataFiles:
    """Find the data set in `data_dir` or the cache, or fetch it into the cache, and verify every file.

    Files in `data_dir` are used where they lie when torchvision can read them there, else copied into
    the cache. No source but `data_dir` is tried when it is given. Safe in several processes at once.

    Raises:
        DataUnavailable: `data_dir` does not hold the files whole, no source gave them, or the cache
            cannot be written.
    """
    reporter = reporter or Silent()
    collection, offered = collections[dataset], sources[dataset]
    if data_dir is not None and dataset is Dataset.SYNTHETIC:
        reporter.notice(f"DATA_DIR={data_dir} is not used: synthetic data is made")
    elif data_dir is not None:
        paths = _verified_folder(data_dir, collection, reporter)
        if _readable_in_place(data_dir, collection, paths):
            return _files(collection, data_dir)
        offered = (_copier(f"DATA_DIR={data_dir}", paths),)
    return _files(collection, in_cache(collection, cache, offered, reporter))


def load(root: str | os.PathLike[str], dataset: Dataset) -> Images:
    """Decode the files below a root that `locate` gave.

    Raises:
        DataUnavailable: a file is missing or is not an idx file of the right shape.
    """
    raw = COLLECTIONS[dataset].raw(Path(root))
    return Images(
        train_images=idx.read(raw / TRAIN_IMAGES, SHAPES[TRAIN_IMAGES]),
        train_labels=idx.read(raw / TRAIN_LABELS, SHAPES[TRAIN_LABELS]),
        test_images=idx.read(raw / TEST_IMAGES, SHAPES[TEST_IMAGES]),
        test_labels=idx.read(raw / TEST_LABELS, SHAPES[TEST_LABELS]),
    )


def _files(collection: Collection, root: Path) -> DataFiles:
    sha256 = {item.name: item.sha256 for item in collection.items}
    return DataFiles(dataset=collection.dataset, root=root.resolve(), sha256=sha256)


def _verified_folder(data_dir: Path, collection: Collection, reporter: Reporter) -> dict[str, Path]:
    """The file of each name in the user's folder, all of them verified."""
    allowed = f"a folder that holds {collection.names}, raw or .gz, or {collection.folder}/raw with them"
    try:
        if not data_dir.is_dir():
            what = "is not a folder" if data_dir.exists() else "does not exist"
            raise DataUnavailable(f"DATA_DIR={data_dir}: {what}; use {allowed}")
        paths = _candidates(data_dir, collection)
    except OSError as error:
        raise DataUnavailable(f"DATA_DIR={data_dir}: {error.strerror}; use {allowed}") from error
    missing = [item.name for item in collection.items if item.name not in paths]
    if missing:
        raise DataUnavailable(f"DATA_DIR={data_dir}: has no {', '.join(missing)}; use {allowed}")
    for path, why in faults(collection, paths, reporter).items():
        raise DataUnavailable(f"DATA_DIR={data_dir}: {path} {why}; replace it or leave DATA_DIR out")
    return paths


def _candidates(data_dir: Path, collection: Collection) -> dict[str, Path]:
    """The path of each name that is there."""
    return {
        item.name: folder / name
        for item in collection.items
        # The last place that has it counts: torchvision's layout, since the folder itself may hold
        # another data set whose files have the same names; and raw, which is quicker to read.
        for folder in (data_dir, collection.raw(data_dir))
        for name in (f"{item.name}.gz", item.name)
        if (folder / name).is_file()
    }


def _readable_in_place(data_dir: Path, collection: Collection, paths: Mapping[str, Path]) -> bool:
    """Whether torchvision, given this root, reads exactly these files.

    It prefers the `processed` folder of its early versions to the raw files, unverified.
    """
    in_layout = paths == collection.paths(collection.raw(data_dir))
    return in_layout and not (data_dir / collection.folder / "processed").exists()


def _copier(name: str, paths: Mapping[str, Path]) -> Source:
    """A source that unpacks or copies the user's files."""

    def copy(collection: Collection, folder: Path, reporter: Reporter) -> Path:
        done_bytes = 0
        for item in collection.items:
            reporter.progress(f"copying {name}", done_bytes, collection.total_bytes)
            with open_plain(paths[item.name]) as source, (folder / item.name).open("wb") as target:
                shutil.copyfileobj(source, target)
            done_bytes += item.size_bytes
        return folder

    return Source(name=name, fetch=copy)
