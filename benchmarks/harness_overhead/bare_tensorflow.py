"""The training loop as a script has it, in TensorFlow: `bare_tensorflow.py GIVEN.npz BATCH THREADS`.

Imports nothing of the harness. Says `ready`, then trains on `order[first:last]` for each line
`FIRST LAST` on standard input, and answers `WALL_S CPU_S LOSS`: what the loop took, and its mean loss.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

given = np.load(sys.argv[1])
batch_size, threads = int(sys.argv[2]), int(sys.argv[3])

tf.config.threading.set_intra_op_parallelism_threads(threads)
tf.config.threading.set_inter_op_parallelism_threads(1)
tf.config.experimental.enable_tensor_float_32_execution(enabled=False)

inputs, labels = tf.constant(given["inputs"]), tf.constant(given["labels"])
order = given["order"]

model = keras.Sequential(
    [
        keras.Input((784,)),
        keras.layers.Dense(128, activation="relu"),
        keras.layers.Dropout(0.2, seed=int(given["seed"])),
        keras.layers.Dense(10),
    ]
)
model.set_weights([given[f"{layer}_{kind}"] for layer in ("hidden", "output") for kind in ("kernel", "bias")])
optimizer = keras.optimizers.Adam(
    learning_rate=1e-3, beta_1=0.8999999761581421, beta_2=0.9990000128746033, epsilon=1e-7
)
optimizer.build(model.trainable_variables)
loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
loss_sum = tf.Variable(0.0)


def step(batch: tf.Tensor) -> None:
    with tf.GradientTape() as tape:
        loss = loss_of(tf.gather(labels, batch), model(tf.gather(inputs, batch), training=True))
    variables = model.trainable_variables
    optimizer.apply(tape.gradient(loss, variables), variables)
    loss_sum.assign_add(loss * tf.cast(tf.size(batch), tf.float32))


train_step = tf.function(step)


def train(batches: Sequence[tf.Tensor]) -> tuple[float, float]:
    """Wall and CPU seconds of the loop; a script that trains follows its loss, so this one does too."""
    cpu_before_s, started_s = time.process_time(), time.perf_counter()
    for batch in batches:
        train_step(batch)
    return time.perf_counter() - started_s, time.process_time() - cpu_before_s


# Tracing is start-up and not the loop: the full and the partial batch are traced before the first turn.
for size in {batch_size, len(order) % batch_size} - {0}:
    train_step.get_concrete_function(tf.TensorSpec([size], tf.int64))

print("ready", flush=True)  # noqa: T201  (the parent waits for it)
for line in sys.stdin:
    first, last = map(int, line.split())
    batches = [tf.constant(order[i : min(i + batch_size, last)]) for i in range(first, last, batch_size)]
    loss_sum.assign(0.0)
    wall_s, cpu_s = train(batches)
    print(wall_s, cpu_s, float(loss_sum.numpy()) / (last - first), flush=True)  # noqa: T201  (the answer)
