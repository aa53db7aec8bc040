"""Arithmetic for proofs on JAX's side; timed trials run Flax's `Dropout`. Adam is Optax's own in both."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx


class Given(nnx.Variable[jax.Array]):
    """What comes from outside, and is not trained."""


class GivenMasks(nnx.Module):
    """Dropout by masks (steps, rows, h) from outside, one a training step, divided by the keep rate."""

    def __init__(self, steps: int, rows: int, units: int, dtype: jnp.dtype) -> None:
        self.masks = Given(jnp.ones((steps, rows, units), dtype))
        self.next = Given(jnp.zeros((), jnp.int32))
        self.deterministic = False

    def __call__(self, inputs: jax.Array) -> jax.Array:
        if self.deterministic:
            return inputs
        mask = self.masks[self.next[...]]
        self.next[...] = (self.next[...] + 1) % len(self.masks[...])
        return inputs * mask[: len(inputs)].astype(inputs.dtype)

    def put(self, masks: jax.Array) -> None:
        self.masks.set_value(masks)
        self.next.set_value(jnp.zeros_like(self.next[...]))
