"""Who runs when inside a pair."""

from __future__ import annotations

import random
from collections.abc import Iterator

Sides = tuple[str, str]


def turns(sides: Sides, count: int, seed: str) -> Iterator[Sides]:
    """Order of the two sides in each of `count` turns: AB or BA, drawn in balanced blocks of two turns.

    Every two turns hold both orders, so neither side owns the first place, and which comes first is
    random, so nothing periodic on the machine can side with either.
    """
    shuffler = random.Random(seed)  # noqa: S311  (order, not secrecy)
    first, second = sides
    for block in range(0, count, 2):
        orders: list[Sides] = [(first, second), (second, first)]
        shuffler.shuffle(orders)
        yield from orders[: count - block]
