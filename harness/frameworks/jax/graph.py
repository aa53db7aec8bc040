"""A whole epoch in one call of JAX: a jitted function that loops over the batches by itself.

`lax.fori_loop` with a bound that is an argument, where `lax.scan` has its length in the program: each length
of a round would be compiled anew, and rounds are as long as the engine wants them.
"""

from __future__ import annotations

import jax
from jax import lax

from harness.frameworks.jax.mlp import Epoch, JaxMlp
from harness.work.recipe import Weights


class JaxGraph(JaxMlp):
    """Mode `graph`. Evaluation and predictions are those of mode `loop`."""

    def build(self, weights: Weights) -> None:
        super().build(weights)
        self._train_all = jax.jit(self._whole_epoch, donate_argnums=0)

    def train_epoch(self) -> None:
        epoch = Epoch(self._state, self._loss_sum, self._seen)
        self._state, self._loss_sum, self._seen = self._train_all(epoch, self._train, self._order)

    def _whole_epoch(
        self, epoch: Epoch, data: tuple[jax.Array, jax.Array], order: tuple[jax.Array, jax.Array]
    ) -> Epoch:
        """Whole batches and, where the length leaves some over, the partial one at an epoch's end."""
        size, partial = self.workload.batch_size, self.workload.train_samples % self.workload.batch_size

        def step(epoch: Epoch, rows: int) -> Epoch:
            return self._step(epoch, data, order, rows)

        _, length = order
        epoch = lax.fori_loop(0, length // size, lambda _, epoch: step(epoch, size), epoch)
        if partial:
            left = length % size > 0
            epoch = lax.cond(left, lambda last: step(last, partial), lambda last: last, epoch)
        return epoch

    def _step_kind(self) -> str:
        return "jit (a loop over the epoch)"
