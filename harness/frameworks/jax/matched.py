"""Arithmetic for proofs on JAX's side; timed trials run Flax's `Dropout`. Adam is Optax's own in both."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx


class Given(nnx.Variable[jax.Array]):
    """What comes from outside, and is not trained."""


class GivenMask(nnx.Module):
    """Dropout by a mask (rows, h) from outside, already divided by the keep rate."""

    def __init__(self, rows: int, units: int, dtype: jnp.dtype) -> None:
        self.mask = Given(jnp.ones((rows, units), dtype))
        self.deterministic = False

    def __call__(self, inputs: jax.Array) -> jax.Array:
        return inputs if self.deterministic else inputs * self.mask[: len(inputs)].astype(inputs.dtype)
