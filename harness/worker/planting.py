"""A slow-down of known size: of every so many training steps one is done twice and counted once."""

from __future__ import annotations

import math

import numpy as np

from harness.work.recipe import Order


class Planting:
    """Work that is planted into the rounds of a trial, which calibration tries to find again.

    Of all steps so far `share` are done once more: their batches stand in the round's order a second time, so
    it is the framework's own work, on any device and in any mode.
    """

    def __init__(self, share: float, batch_size: int) -> None:
        self._share = share
        self._batch_size = batch_size
        self._steps = 0
        self._again = 0

    def planted(self, order: Order) -> Order:
        """The order (n,) of a round with as many of its whole batches a second time as are due.

        They stand evenly among the others, each half a round from where it is: its samples are no longer at
        hand, as those of another step would not be. Of a round without a whole batch they are due later.
        """
        size = self._batch_size
        self._steps += math.ceil(len(order) / size)
        whole = len(order) // size
        # Shares such as 0.07 have no exact binary form; what is due is due at its step all the same.
        due = math.floor(self._share * self._steps + 1e-9) - self._again
        if not (due and whole):
            return order
        self._again += due
        batches = order[: whole * size].reshape(whole, size)
        places = np.arange(1, due + 1) * whole // (due + 1)
        mixed = np.insert(batches, places, batches[(places + whole // 2) % whole], axis=0)
        return np.concatenate([mixed.ravel(), order[whole * size :]])
