"""The data room as a whole: what the user's folder may hold, and what a worker reads from a root."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.data import idx, mnist
from harness.data.catalogue import COLLECTIONS, SHAPES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS
from harness.errors import DataUnavailable
from harness.work.workload import Dataset
from tests.small_dataset import COLLECTION, CONTENT, Recorder, Shop, files_below, flip_a_byte, write

MNIST = {Dataset.MNIST: COLLECTION}


def locate(
    data_dir: Path | None, cache: Path, shop: Shop, recorder: Recorder | None = None
) -> mnist.DataFiles:
    return mnist.locate(
        Dataset.MNIST,
        data_dir=data_dir,
        cache=cache,
        reporter=recorder,
        collections=MNIST,
        sources={Dataset.MNIST: (shop.source(),)},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "mine"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def test_without_a_folder_the_files_are_fetched_into_the_cache_once(cache: Path) -> None:
    shop = Shop()
    first = locate(None, cache, shop)
    assert first == locate(None, cache, shop)
    assert shop.visits == 1
    assert first.root == cache
    assert first.sha256 == {item.name: item.sha256 for item in COLLECTION.items}


def test_a_flipped_byte_is_found_before_training(cache: Path) -> None:
    shop = Shop()
    flip_a_byte(locate(None, cache, shop).root / "MNIST" / "raw" / TRAIN_IMAGES)
    recorder = Recorder()
    root = locate(None, cache, shop, recorder).root
    assert shop.visits == 2
    assert TRAIN_IMAGES in recorder.notices[0]
    assert (root / "MNIST" / "raw" / TRAIN_IMAGES).read_bytes() == CONTENT[TRAIN_IMAGES]


def test_a_folder_in_torchvisions_layout_is_used_where_it_lies(folder: Path, cache: Path) -> None:
    write(folder / "MNIST" / "raw")
    shop = Shop()
    assert locate(folder, cache, shop).root == folder
    assert not cache.exists()
    assert shop.visits == 0


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("place", [".", "MNIST/raw"])
def test_any_other_folder_is_copied_into_torchvisions_layout(
    folder: Path, cache: Path, place: str, *, compressed: bool
) -> None:
    if place == "MNIST/raw" and not compressed:
        write(folder / place)
        # torchvision reads these unverified files of its early versions before the raw ones.
        (folder / "MNIST" / "processed").mkdir()
    else:
        write(folder / place, compressed=compressed)
    before, shop = files_below(folder), Shop()
    root = locate(folder, cache, shop).root
    assert root == cache
    assert {name: (root / "MNIST" / "raw" / name).read_bytes() for name in CONTENT} == CONTENT
    assert files_below(folder) == before
    assert shop.visits == 0


def test_a_relative_folder_gives_an_absolute_root(
    folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder / "MNIST" / "raw")
    monkeypatch.chdir(folder.parent)
    assert locate(Path("mine"), cache, Shop()).root == folder


def test_torchvisions_layout_goes_before_another_data_set_beside_it(folder: Path, cache: Path) -> None:
    write(folder / "MNIST" / "raw")
    for name in CONTENT:
        (folder / name).write_bytes(b"fashion")
    assert locate(folder, cache, Shop()).root == folder


@pytest.mark.parametrize(
    ("name", "words"),
    [("nonexistent", "does not exist"), ("file", "is not a folder"), ("x" * 300, "File name too long")],
)
def test_a_folder_that_is_none_is_refused_without_fetching(
    tmp_path: Path, cache: Path, name: str, words: str
) -> None:
    (tmp_path / "file").write_text("")
    shop = Shop()
    with pytest.raises(DataUnavailable, match=words) as caught:
        locate(tmp_path / name, cache, shop)
    assert str(caught.value).startswith(f"DATA_DIR={tmp_path / name}: ")
    assert "; use a folder that holds train-images-idx3-ubyte" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2
    assert shop.visits == 0


def test_a_folder_that_lacks_files_is_told_which(folder: Path, cache: Path) -> None:
    write(folder)
    (folder / TRAIN_LABELS).unlink()
    (folder / TEST_LABELS).unlink()
    with pytest.raises(DataUnavailable, match=f"has no {TRAIN_LABELS}, {TEST_LABELS}; use a folder"):
        locate(folder, cache, Shop())
    assert not cache.exists()


def test_a_corrupt_file_of_the_users_is_named_refused_and_left_alone(folder: Path, cache: Path) -> None:
    write(folder)
    flip_a_byte(folder / TEST_LABELS)
    before, shop = files_below(folder), Shop()
    with pytest.raises(DataUnavailable, match=f"{folder / TEST_LABELS} is corrupt or another file"):
        locate(folder, cache, shop)
    assert files_below(folder) == before
    assert shop.visits == 0


def test_synthetic_data_says_that_it_needs_no_folder(cache: Path, tmp_path: Path) -> None:
    recorder = Recorder()
    mnist.locate(
        Dataset.SYNTHETIC,
        data_dir=tmp_path,
        cache=cache,
        reporter=recorder,
        collections={Dataset.SYNTHETIC: COLLECTION},
        sources={Dataset.SYNTHETIC: (Shop().source(),)},
    )
    assert recorder.notices == [f"DATA_DIR={tmp_path} is not used: synthetic data is made"]


@pytest.fixture
def full_size(tmp_path: Path) -> Path:
    """Root with files of MNIST's full sizes, all zero but the last label and the last pixel."""
    raw = COLLECTIONS[Dataset.FASHION_MNIST].raw(tmp_path)
    raw.mkdir(parents=True)
    for name, shape in SHAPES.items():
        with (raw / name).open("wb") as file:
            file.write(idx.header(shape))
            file.seek(idx.size_bytes(shape) - 1)
            file.write(b"\x07")
    return tmp_path


def test_a_worker_gets_images_and_labels_in_their_shapes(full_size: Path) -> None:
    images = mnist.load(full_size, Dataset.FASHION_MNIST)
    assert images.train_images.shape == (60_000, 28, 28)
    assert images.train_labels.shape == (60_000,)
    assert images.test_images.shape == (10_000, 28, 28)
    assert images.test_labels.shape == (10_000,)
    assert (images.train_images[-1, -1, -1], images.test_labels[-1]) == (7, 7)
    assert np.count_nonzero(images.test_images) == 1


def test_a_worker_refuses_a_file_of_another_length(full_size: Path) -> None:
    labels = COLLECTIONS[Dataset.FASHION_MNIST].raw(full_size) / TEST_LABELS
    labels.write_bytes(labels.read_bytes()[:-1])
    with pytest.raises(DataUnavailable, match="10,007 bytes"):
        mnist.load(full_size, Dataset.FASHION_MNIST)


@pytest.mark.slow
def test_torchvision_reads_the_very_same_arrays(tmp_path: Path) -> None:
    datasets = pytest.importorskip("torchvision.datasets")
    root = mnist.locate(Dataset.SYNTHETIC, data_dir=None, cache=tmp_path).root
    images = mnist.load(root, Dataset.SYNTHETIC)
    train = datasets.MNIST(root, train=True, download=False)
    test = datasets.MNIST(root, train=False, download=False)
    np.testing.assert_array_equal(train.data.numpy(), images.train_images)
    np.testing.assert_array_equal(train.targets.numpy(), images.train_labels)
    np.testing.assert_array_equal(test.data.numpy(), images.test_images)
    np.testing.assert_array_equal(test.targets.numpy(), images.test_labels)
