"""What makes a data set: its files, their digests, and the folder in which torchvision reads them.

A root holds `<folder>/raw/<file>`, torchvision's own layout, so `torchvision.datasets.MNIST(root)` and
`mnist.load(root, ...)` read the very same verified files.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Final

from harness.data import idx
from harness.data.progress import Reporter
from harness.work.workload import FULL_TRAIN_SAMPLES, TEST_SAMPLES, Dataset

IMAGE_SIDE: Final = 28

TRAIN_IMAGES: Final = "train-images-idx3-ubyte"
TRAIN_LABELS: Final = "train-labels-idx1-ubyte"
TEST_IMAGES: Final = "t10k-images-idx3-ubyte"
TEST_LABELS: Final = "t10k-labels-idx1-ubyte"

SHAPES: Final[dict[str, tuple[int, ...]]] = {
    TRAIN_IMAGES: (FULL_TRAIN_SAMPLES, IMAGE_SIDE, IMAGE_SIDE),
    TRAIN_LABELS: (FULL_TRAIN_SAMPLES,),
    TEST_IMAGES: (TEST_SAMPLES, IMAGE_SIDE, IMAGE_SIDE),
    TEST_LABELS: (TEST_SAMPLES,),
}

_CHUNK_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One uncompressed file: its name, length and SHA-256."""

    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """The files of a data set.

    `folder` is torchvision's class name and the folder that class reads. `shelf` is the subfolder of the
    cache that is the root, empty for the cache itself. `gz_bytes` is the length of the published .gz
    files together, None where nothing is published. `elsewhere` says where a system may have the files.
    """

    dataset: Dataset
    folder: str
    items: tuple[Item, ...]
    shelf: str = ""
    gz_bytes: int | None = None
    elsewhere: str = ""

    def raw(self, root: Path) -> Path:
        """Folder of the uncompressed files below a root in torchvision's layout."""
        return root / self.folder / "raw"

    def paths(self, folder: Path) -> dict[str, Path]:
        """Path of each uncompressed file by its name, when they lie side by side in `folder`."""
        return {item.name: folder / item.name for item in self.items}

    @property
    def names(self) -> str:
        """The file names, for a sentence."""
        return ", ".join(item.name for item in self.items)

    @property
    def total_bytes(self) -> int:
        return sum(item.size_bytes for item in self.items)


def fault(path: Path, item: Item) -> str | None:
    """Why the file at `path`, compressed when its name ends in .gz, is not `item`; None when it is."""
    sha256 = hashlib.sha256()
    seen_bytes = 0
    try:
        with open_plain(path) as stream:
            # One byte beyond the expected length is enough to know; a small .gz can unpack to anything.
            while chunk := stream.read(min(_CHUNK_BYTES, item.size_bytes + 1 - seen_bytes)):
                sha256.update(chunk)
                seen_bytes += len(chunk)
    except FileNotFoundError:
        return "is missing"
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        return f"is not a whole .gz file ({error})"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return _misfit(item, seen_bytes, sha256.hexdigest())


def _misfit(item: Item, seen_bytes: int, sha256: str) -> str | None:
    if seen_bytes < item.size_bytes:
        return f"is truncated: {seen_bytes:,} of {item.size_bytes:,} bytes"
    if seen_bytes > item.size_bytes:
        return f"is too long: more than {item.size_bytes:,} bytes"
    if sha256 != item.sha256:
        return f"is corrupt or another file: SHA-256 {sha256[:16]}…, expected {item.sha256[:16]}…"
    return None


def faults(collection: Collection, paths: Mapping[str, Path], reporter: Reporter) -> dict[Path, str]:
    """What is wrong with which file, by SHA-256 of every one of them."""
    found: dict[Path, str] = {}
    step, done_bytes = f"verifying {collection.dataset}", 0
    for item in collection.items:
        reporter.progress(step, done_bytes, collection.total_bytes)
        why = fault(paths[item.name], item)
        if why is not None:
            found[paths[item.name]] = why
        done_bytes += item.size_bytes
    reporter.progress(step, done_bytes, collection.total_bytes)
    return found


def open_plain(path: Path) -> gzip.GzipFile | BufferedReader:
    """The file's uncompressed bytes."""
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")


def _items(sha256: Mapping[str, str]) -> tuple[Item, ...]:
    return tuple(
        Item(name=name, size_bytes=idx.size_bytes(SHAPES[name]), sha256=digest)
        for name, digest in sha256.items()
    )


# SHA-256 after decompression. Fashion-MNIST's were checked against the MD5 that torchvision lists for the
# .gz files (the same files with their gzip headers put back give those MD5), synthetic's are what
# synthetic.py writes.
COLLECTIONS: Final[Mapping[Dataset, Collection]] = {
    Dataset.MNIST: Collection(
        dataset=Dataset.MNIST,
        folder="MNIST",
        items=_items(
            {
                TRAIN_IMAGES: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                TRAIN_LABELS: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                TEST_IMAGES: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                TEST_LABELS: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            }
        ),
        gz_bytes=9_912_422 + 28_881 + 1_648_877 + 4_542,
    ),
    Dataset.FASHION_MNIST: Collection(
        dataset=Dataset.FASHION_MNIST,
        folder="FashionMNIST",
        items=_items(
            {
                TRAIN_IMAGES: "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                TRAIN_LABELS: "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                TEST_IMAGES: "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                TEST_LABELS: "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
            }
        ),
        gz_bytes=26_421_880 + 29_515 + 4_422_102 + 5_148,
        elsewhere="Debian's package dataset-fashion-mnist has them in /usr/share/datasets/fashion-mnist.",
    ),
    Dataset.SYNTHETIC: Collection(
        dataset=Dataset.SYNTHETIC,
        folder="MNIST",
        items=_items(
            {
                TRAIN_IMAGES: "3b34e1f2f0f0a4f53314add4c6986ad454000a6aa964157f40976419f4594809",
                TRAIN_LABELS: "81cc1c7d64fa60022eadd67d8aa1c1b76c7d7819c1763e49849579e6a43ebcb4",
                TEST_IMAGES: "f2cbac8876f64824c3bccf325d803c36506a783085449caa940ddd4845a3dce3",
                TEST_LABELS: "be9afc2ad34628cbd7a1e64afdc17259ca14b89ca538b2472b6e224884de0834",
            }
        ),
        shelf="synthetic",
    ),
}
