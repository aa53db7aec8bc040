"""JAX's adapter, asking for more memory than any machine has."""

from __future__ import annotations

import jax.numpy as jnp

from harness.frameworks.jax.adapter import probe
from harness.frameworks.jax.mlp import JaxMlp

__all__ = ["open_adapter", "probe"]

TOO_MUCH_BYTES = 2**46


class Greedy(JaxMlp):
    def pace(self, order):
        """The last thing that is asked before the rounds, all of which are greedy."""
        found = super().pace(order)
        self._train_step = lambda *_: jnp.ones(TOO_MUCH_BYTES, jnp.uint8)
        return found


def open_adapter(spec):
    return Greedy(spec)
