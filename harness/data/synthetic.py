"""Made-up images in MNIST's exact shapes, for trials without any download.

A class is a fixed smooth shape. An image is its class's shape, moved by up to three pixels, mixed with
a weaker other one, under noise: learnable, but not by one look at one pixel. Only the raw output of
PCG64 and whole-number arithmetic are used, both the same for ever and on every machine (NumPy promises
that of bit generators, not of distributions: NEP 19), so the files have fixed digests like real ones.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from harness.data import idx
from harness.data.catalogue import IMAGE_SIDE, TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS
from harness.work.workload import CLASSES, FULL_TRAIN_SAMPLES, TEST_SAMPLES

_SEED: Final = 784_128_10
_SHAPES_STREAM: Final = 0
TRAIN_STREAM: Final = 1
TEST_STREAM: Final = 2

_COARSE_CELLS: Final = 7
_LARGEST_SHIFT: Final = 3
_CHUNK: Final = 5000


def write(folder: Path) -> None:
    """Write the four idx files of the synthetic data set into `folder`."""
    for stream, samples, images_name, labels_name in (
        (TRAIN_STREAM, FULL_TRAIN_SAMPLES, TRAIN_IMAGES, TRAIN_LABELS),
        (TEST_STREAM, TEST_SAMPLES, TEST_IMAGES, TEST_LABELS),
    ):
        images, labels = draw(samples, stream)
        (folder / images_name).write_bytes(idx.encode(images))
        (folder / labels_name).write_bytes(idx.encode(labels))


def draw(samples: int, stream: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images (samples, 28, 28) and labels (samples,), both uint8; a stream always begins alike."""
    shapes = _moved(_class_shapes())
    source = np.random.PCG64(np.random.SeedSequence([_SEED, stream]))
    chunks = [_draw_chunk(source, shapes) for _ in range(0, samples, _CHUNK)]
    images, labels = (np.concatenate(parts)[:samples] for parts in zip(*chunks, strict=True))
    return images, labels


def _draw_chunk(
    source: np.random.PCG64, shapes: NDArray[np.int32]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    moves = shapes.shape[1]
    word = source.random_raw(_CHUNK)
    labels = word % CLASSES
    others = (labels + 1 + (word >> 8) % (CLASSES - 1)) % CLASSES
    move, other_move = (word >> 16) % moves, (word >> 32) % moves
    # Of 256 parts, 128 to 255 are the image's own class: near 128 even a perfect eye must guess.
    own_parts = (128 + (word >> 48) % 128).astype(np.int32)[:, None, None]

    mixed = (own_parts * shapes[labels, move] + (256 - own_parts) * shapes[others, other_move]) >> 8
    noise = (_bytes(source, _CHUNK * IMAGE_SIDE**2).reshape(mixed.shape) >> 1).astype(np.int32) - 64
    images = np.clip(mixed + noise, 0, 255).astype(np.uint8)
    return images, labels.astype(np.uint8)


def _class_shapes() -> NDArray[np.int32]:
    """One smooth grey shape a class, (10, 28, 28): random coarse cells, blurred, the dark half cut."""
    source = np.random.PCG64(np.random.SeedSequence([_SEED, _SHAPES_STREAM]))
    cells = _bytes(source, CLASSES * _COARSE_CELLS**2).reshape(CLASSES, _COARSE_CELLS, _COARSE_CELLS)
    shapes = cells.astype(np.int32)
    scale = IMAGE_SIDE // _COARSE_CELLS
    for axis in (1, 2):
        shapes = np.repeat(shapes, scale, axis=axis)
        for _ in range(scale):
            shapes = (np.roll(shapes, 1, axis) + 2 * shapes + np.roll(shapes, -1, axis)) >> 2
    return np.clip(2 * shapes - 255, 0, 255)


def _moved(shapes: NDArray[np.int32]) -> NDArray[np.int32]:
    """Every shape in every position, wrapping round: (10, 49, 28, 28)."""
    steps = range(-_LARGEST_SHIFT, _LARGEST_SHIFT + 1)
    return np.stack([np.roll(shapes, (down, right), (1, 2)) for down in steps for right in steps], axis=1)


def _bytes(source: np.random.PCG64, count: int) -> NDArray[np.uint8]:
    words = source.random_raw(-(-count // 8))
    return words.astype("<u8").view(np.uint8)[:count]
