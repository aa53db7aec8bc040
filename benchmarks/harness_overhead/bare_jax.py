"""The training loop as a script has it, in JAX: `bare_jax.py GIVEN.npz BATCH THREADS WAY`.

WAY is `loop` or, with the loop itself in a jitted function, `graph`. Imports nothing of
the harness. Says `ready`, then trains on `order[first:last]` for each line `FIRST LAST` on standard input,
and answers `WALL_S CPU_S LOSS`: what the loop took, and its mean loss.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax import lax

given = np.load(sys.argv[1])
batch_size, threads, way = int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]

os.environ["PJRT_NPROC"] = str(threads)
jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_cpu_enable_async_dispatch", False)  # noqa: FBT003  (JAX's own signature)
jax.config.update("jax_default_matmul_precision", "highest")

data = jax.device_put((given["inputs"], given["labels"]))
order = given["order"]
partial = len(order) % batch_size

rngs = nnx.Rngs(int(given["seed"]))
model = nnx.Sequential(
    nnx.Linear(784, 128, kernel_init=nnx.initializers.zeros, rngs=rngs),
    nnx.relu,
    nnx.Dropout(0.2, rngs=rngs),
    nnx.Linear(128, 10, kernel_init=nnx.initializers.zeros, rngs=rngs),
)
graph, _, beside = nnx.split(model, nnx.Param, ...)
parameters = {
    "layers": {
        place: {kind: jnp.array(given[f"{name}_{kind}"]) for kind in ("kernel", "bias")}
        for place, name in ((0, "hidden"), (3, "output"))
    }
}
optimizer = optax.adam(1e-3, b1=0.8999999761581421, b2=0.9990000128746033, eps=1e-7)
state = (parameters, optimizer.init(parameters), nnx.to_pure_dict(beside), jnp.zeros(()))


def step(state: Any, data: Any, batch: jax.Array) -> Any:
    parameters, moments, beside, loss_sum = state
    inputs, labels = (part[batch] for part in data)

    def loss_of(parameters: Any) -> Any:
        model = nnx.merge(graph, parameters, beside)
        losses = optax.losses.softmax_cross_entropy_with_integer_labels(model(inputs), labels)
        return losses.mean(), nnx.to_pure_dict(nnx.state(model, nnx.Not(nnx.Param)))

    (loss, beside), gradients = jax.value_and_grad(loss_of, has_aux=True)(parameters)
    updates, moments = optimizer.update(gradients, moments, parameters)
    return optax.apply_updates(parameters, updates), moments, beside, loss_sum + loss * len(batch)


def epoch(state: Any, data: Any, order: jax.Array, length: jax.Array) -> Any:
    full = length // batch_size

    def run(first: jax.Array, rows: int, state: Any) -> Any:
        return step(state, data, lax.dynamic_slice_in_dim(order, first, rows))

    state = lax.fori_loop(0, full, lambda number, state: run(number * batch_size, batch_size, state), state)
    if partial:
        left = length > full * batch_size
        state = lax.cond(left, lambda last: run(full * batch_size, partial, last), lambda last: last, state)
    return state


train_step, train_all = jax.jit(step, donate_argnums=0), jax.jit(epoch, donate_argnums=0)


def train(taken: np.ndarray) -> tuple[float, float]:
    """Wall and CPU seconds of the loop; a script that trains follows its loss, so this one does too."""
    global state  # noqa: PLW0603  (as a script has it)
    room = np.zeros(2 * len(order), np.int32)
    room[: len(taken)] = taken
    whole = jax.device_put((room, np.int32(len(taken))))
    batches = [jax.device_put(taken[i : i + batch_size]) for i in range(0, len(taken), batch_size)]
    state = (*state[:3], jnp.zeros(()))
    jax.block_until_ready(state)
    cpu_before_s, started_s = time.process_time(), time.perf_counter()
    if way == "graph":
        state = train_all(state, data, *whole)
    else:
        for batch in batches:
            state = train_step(state, data, batch)
    jax.block_until_ready(state)
    return time.perf_counter() - started_s, time.process_time() - cpu_before_s


# Compiling is start-up and not the loop: both shapes are compiled before the first turn, on a state that is
# then put back.
fresh = jax.tree.map(lambda one: one.copy(), state)
train(order[: batch_size + partial])
state = fresh
if threads == 1 and hasattr(os, "sched_setaffinity"):
    # As the harness does it: XLA's pool of one and the thread that asks it are two.
    cores = sorted(os.sched_getaffinity(0))
    for thread in Path("/proc/self/task").iterdir():
        os.sched_setaffinity(int(thread.name), {cores[os.getpid() % len(cores)]})

print("ready", flush=True)  # noqa: T201  (the parent waits for it)
for line in sys.stdin:
    first, last = map(int, line.split())
    wall_s, cpu_s = train(order[first:last])
    print(wall_s, cpu_s, float(state[3]) / (last - first), flush=True)  # noqa: T201  (the answer)
