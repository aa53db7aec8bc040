"""Synthetic data is the same for ever, has MNIST's shapes, and can be learnt but not at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.data import mnist, synthetic
from harness.data.catalogue import COLLECTIONS, faults
from harness.work.workload import CLASSES, Dataset
from tests.small_dataset import Recorder


def test_the_files_written_have_the_catalogues_digests(tmp_path: Path) -> None:
    collection = COLLECTIONS[Dataset.SYNTHETIC]
    synthetic.write(tmp_path)
    assert faults(collection, collection.paths(tmp_path), Recorder()) == {}


def test_a_stream_begins_alike_however_many_samples_are_drawn() -> None:
    few, few_labels = synthetic.draw(10, synthetic.TEST_STREAM)
    many, many_labels = synthetic.draw(6000, synthetic.TEST_STREAM)
    assert many.shape == (6000, 28, 28)
    np.testing.assert_array_equal(few, many[:10])
    np.testing.assert_array_equal(few_labels, many_labels[:10])


def test_training_and_test_images_differ() -> None:
    train, _ = synthetic.draw(1000, synthetic.TRAIN_STREAM)
    test, _ = synthetic.draw(1000, synthetic.TEST_STREAM)
    assert not {image.tobytes() for image in train} & {image.tobytes() for image in test}


def test_every_class_is_drawn_about_equally_often() -> None:
    _, labels = synthetic.draw(10_000, synthetic.TRAIN_STREAM)
    counts = np.bincount(labels, minlength=CLASSES)
    assert len(counts) == CLASSES
    # Five standard deviations of a binomial count with p = 0.1.
    assert np.abs(counts - 1000).max() < 5 * np.sqrt(10_000 * 0.1 * 0.9)


def test_a_linear_classifier_learns_it_well_but_not_perfectly() -> None:
    train, train_labels = synthetic.draw(5000, synthetic.TRAIN_STREAM)
    test, test_labels = synthetic.draw(5000, synthetic.TEST_STREAM)
    inputs = train.reshape(len(train), -1) / 255
    targets = np.eye(CLASSES)[train_labels]
    # Ridge regression onto one-hot targets; plenty here, and needs no framework.
    gram = inputs.T @ inputs + 10 * np.eye(inputs.shape[1])
    weights = np.linalg.solve(gram, inputs.T @ targets)
    accuracy = np.mean((test.reshape(len(test), -1) / 255 @ weights).argmax(axis=1) == test_labels)
    assert 0.5 < accuracy < 0.99


def test_a_damaged_file_is_made_again(tmp_path: Path) -> None:
    first = mnist.locate(Dataset.SYNTHETIC, data_dir=None, cache=tmp_path)
    images = COLLECTIONS[Dataset.SYNTHETIC].raw(first.root) / "train-images-idx3-ubyte"
    with images.open("r+b") as file:
        file.truncate(1000)
    recorder = Recorder()
    assert mnist.locate(Dataset.SYNTHETIC, data_dir=None, cache=tmp_path, reporter=recorder) == first
    assert "train-images-idx3-ubyte is truncated: 1,000 of 47,040,016 bytes" in recorder.notices[0]
    loaded = mnist.load(first.root, Dataset.SYNTHETIC)
    assert loaded.train_images.shape == (60_000, 28, 28)
    assert first.root == tmp_path / "synthetic"
