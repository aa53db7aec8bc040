"""A slow-down of known size: of every so many training steps one is done twice and counted once."""

from __future__ import annotations

import math
from itertools import count
from typing import Final

import numpy as np

from harness.work.recipe import Order

# Shares such as 0.07 have no exact binary form; what is due is due at its step all the same.
_ROUNDING: Final = 1e-9

# The share of so many steps as belong together may exceed a whole number of them by so much of it.
_NEARLY: Final = 0.02


def steps_together(share: float) -> int:
    """The fewest steps of which a share is a whole number or just above; 0 where nothing is planted.

    Rounds of so many, or of a multiple, hold equally many planted steps, but for one more now and then. Of
    rounds of other lengths some hold one more than others, and a median over turns does not see the mean.
    """
    if not share:
        return 0
    return next(steps for steps in count(1) if _is_whole(share * steps + _ROUNDING))


def _is_whole(planted: float) -> bool:
    whole = math.floor(planted)
    return whole > 0 and planted - whole <= _NEARLY * whole + 2 * _ROUNDING


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

        They stand evenly among the others, each half of them from where it is: its samples are no longer at
        hand, as those of another step would not be. Of a round without a whole batch they are due later.
        Where a round goes across an epoch's end, `order` is one of its parts.
        """
        size = self._batch_size
        self._steps += math.ceil(len(order) / size)
        whole = len(order) // size
        due = math.floor(self._share * self._steps + _ROUNDING) - self._again
        if not (due and whole):
            return order
        self._again += due
        batches = order[: whole * size].reshape(whole, size)
        places = np.arange(1, due + 1) * whole // (due + 1)
        mixed = np.insert(batches, places, batches[(places + whole // 2) % whole], axis=0)
        return np.concatenate([mixed.ravel(), order[whole * size :]])
