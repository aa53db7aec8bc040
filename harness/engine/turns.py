"""Who runs when inside a match."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import TypeVar

Taker = TypeVar("Taker")


def turns(contenders: Sequence[Taker], count: int, seed: str) -> Iterator[tuple[Taker, ...]]:
    """Order of two contenders or more in each of `count` turns, drawn in balanced blocks.

    A block is a Williams design (1949): each contender holds each place equally often, and follows each other
    one equally often, so neither a place nor what the one before leaves behind in the caches favours anyone.
    It takes as many turns as there are contenders, twice as many where their number is odd; for two it holds
    AB and BA. The rows of a block are in random order and its contenders are dealt anew, so nothing periodic
    on the machine favours anyone either. The last block is cut short where `count` asks for it.
    """
    shuffler = random.Random(seed)  # noqa: S311  (order, not secrecy)
    rows = _williams(len(contenders))
    for done in range(0, count, len(rows)):
        dealt = shuffler.sample(contenders, len(contenders))
        for row in shuffler.sample(rows, len(rows))[: count - done]:
            yield tuple(dealt[number] for number in row)


def _williams(size: int) -> list[list[int]]:
    """Rows of numbers from 0: 0, 1, size - 1, 2, size - 2, ... and its shifts; if odd, also each reversed."""
    first = [(place + 1) // 2 if place % 2 else -(place // 2) % size for place in range(size)]
    rows = [[(number + shift) % size for number in first] for shift in range(size)]
    return rows if size % 2 == 0 else [*rows, *(row[::-1] for row in rows)]
