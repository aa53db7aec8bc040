"""A whole epoch in one call of JAX: a jitted function that loops over the batches by itself.

`lax.fori_loop` with a bound that is an argument, where `lax.scan` has its length in the program: each length
of a round would be compiled anew, and rounds are as long as the engine wants them.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import numpy as np
from jax import lax

from harness.frameworks.base import Counts
from harness.frameworks.jax.mlp import JaxMlp, State
from harness.work.recipe import Order, Weights, batches


class _Epoch(NamedTuple):
    """What an epoch changes: the state, the sum of its losses and how many samples it has seen."""

    state: State
    loss_sum: jax.Array
    seen: jax.Array


class JaxGraph(JaxMlp):
    """Mode `graph`. Evaluation and predictions are those of mode `loop`."""

    def build(self, weights: Weights) -> None:
        super().build(weights)
        self._train_all = jax.jit(self._whole_epoch, donate_argnums=0)

    def begin_epoch(self, order: Order) -> None:
        # With room for all of an epoch that is done twice, as planted work is: one shape, one program.
        room = np.zeros(2 * self.workload.train_samples, np.int32)
        room[: len(order)] = order
        self._order, self._length = self._placed((room, np.int32(len(order))))
        self._seen = self._placed(np.int32(0))
        self._begin_counting()

    def train_epoch(self) -> None:
        epoch = _Epoch(self._state, self._loss_sum, self._seen)
        trained = self._train_all(epoch, self._train, self._order, self._length)
        self._state, self._loss_sum, self._seen = trained

    def trained(self) -> Counts:
        return Counts(steps=self._steps_taken() - self._steps_before, samples=int(self._seen))

    def held_batches(self) -> list[Order]:
        order = np.array(self._order)[: int(self._length)].astype(np.int64)
        return batches(order, self.workload.batch_size)

    def _whole_epoch(
        self, epoch: _Epoch, data: tuple[jax.Array, jax.Array], order: jax.Array, length: jax.Array
    ) -> _Epoch:
        """Whole batches and, where the length leaves some over, the partial one at an epoch's end."""
        size, partial = self.workload.batch_size, self.workload.train_samples % self.workload.batch_size

        def step(first: jax.Array, rows: int, epoch: _Epoch) -> _Epoch:
            batch = lax.dynamic_slice_in_dim(order, first, rows)
            state, loss_sum = self._step(epoch.state, epoch.loss_sum, data, batch)
            return _Epoch(state, loss_sum, epoch.seen + rows)

        full = length // size
        epoch = lax.fori_loop(0, full, lambda number, epoch: step(number * size, size, epoch), epoch)
        if partial:
            left = length > full * size
            epoch = lax.cond(left, lambda last: step(full * size, partial, last), lambda last: last, epoch)
        return epoch

    def _step_kind(self) -> str:
        return "jit (a loop over the epoch)"
