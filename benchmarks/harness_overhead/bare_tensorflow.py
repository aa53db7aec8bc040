"""The training loop as a script has it, in TensorFlow: `bare_tensorflow.py GIVEN.npz BATCH THREADS WAY`.

WAY is `loop` or, with the loop itself in a `tf.function`, `graph`. Imports nothing of
the harness. Says `ready`, then trains on `order[first:last]` for each line `FIRST LAST` on standard input,
and answers `WALL_S CPU_S LOSS`: what the loop took, and its mean loss.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

given = np.load(sys.argv[1])
batch_size, threads, way = int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]

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


@tf.function(input_signature=[tf.TensorSpec([None], tf.int64)])
def train_all(taken: tf.Tensor) -> None:
    full = tf.size(taken) // batch_size
    for number in tf.range(full):
        step(tf.reshape(taken[number * batch_size : (number + 1) * batch_size], [batch_size]))
    if tf.size(taken) > full * batch_size:
        step(taken[full * batch_size :])


def loop(batches: Sequence[tf.Tensor]) -> None:
    for batch in batches:
        train_step(batch)


def train(taken: np.ndarray) -> tuple[float, float]:
    """Wall and CPU seconds of the loop; a script that trains follows its loss, so this one does too."""
    if way == "graph":
        run, batches = train_all, tf.constant(taken)
    else:
        run, batches = (
            loop,
            [tf.constant(taken[i : i + batch_size]) for i in range(0, len(taken), batch_size)],
        )
    cpu_before_s, started_s = time.process_time(), time.perf_counter()
    run(batches)
    return time.perf_counter() - started_s, time.process_time() - cpu_before_s


# Tracing is start-up and not the loop: the full and the partial batch are traced before the first turn.
if way == "graph":
    train_all.get_concrete_function()
else:
    for size in {batch_size, len(order) % batch_size} - {0}:
        train_step.get_concrete_function(tf.TensorSpec([size], tf.int64))

print("ready", flush=True)  # noqa: T201  (the parent waits for it)
for line in sys.stdin:
    first, last = map(int, line.split())
    loss_sum.assign(0.0)
    wall_s, cpu_s = train(order[first:last])
    print(wall_s, cpu_s, float(loss_sum.numpy()) / (last - first), flush=True)  # noqa: T201  (the answer)
