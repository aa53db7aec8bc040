"""The article's TensorFlow listing: `python tensorflow_listing.py [DATA_DIR [SEED]]`.

Typed as described there. Two things are not: the listing calls `tf.keras.datasets.mnist.load_data()`, which
downloads at every first run, and this one reads the same arrays from the four idx files in DATA_DIR; and it
can be given a seed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

RAW = Path(sys.argv[1] if len(sys.argv) > 1 else Path.home() / ".cache/evenmatch") / "MNIST/raw"


def load_data():
    """Images (n, 28, 28) and labels (n,) of both sets, all uint8, as `load_data` gives them."""
    kinds = {"images-idx3": (16, (-1, 28, 28)), "labels-idx1": (8, (-1,))}

    def read(name, header_bytes, shape):
        return np.fromfile(RAW / name, np.uint8, offset=header_bytes).reshape(shape)

    return [
        [read(f"{split}-{kind}-ubyte", *layout) for kind, layout in kinds.items()]
        for split in ("train", "t10k")
    ]


if len(sys.argv) > 2:
    tf.keras.utils.set_random_seed(int(sys.argv[2]))

(x_train, y_train), (x_test, y_test) = load_data()

model = tf.keras.models.Sequential(
    [
        tf.keras.Input(shape=(28, 28)),
        tf.keras.layers.Flatten(),
        tf.keras.layers.Dense(128, activation="relu"),
        tf.keras.layers.Dropout(0.2),
        tf.keras.layers.Dense(10, activation="softmax"),
    ]
)

model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])

model.fit(x_train, y_train, epochs=5)
loss, accuracy = model.evaluate(x_test, y_test)
print(f"Test loss: {loss:.4f}, accuracy: {accuracy:.4f}")
