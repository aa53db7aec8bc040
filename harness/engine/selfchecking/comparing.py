"""Is one kind of round slower than another? Asked in turns until it is known, or there is no more time.

A busy machine makes the answer late, not wrong: what cannot be told is said to be untold.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from harness.analysis.intervals import Interval, ratio_interval
from harness.analysis.match import typical_effects
from harness.engine.selfchecking.outcome import State

# A block's median shrugs off single disturbed turns; of three blocks, Student's t still says something.
TURNS_A_BLOCK: Final = 4
LEAST_BLOCKS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Slowdown:
    """How much longer one kind took: `interval` of its time over the baseline's. Up to `bound` is fine."""

    interval: Interval
    bound: float

    @property
    def state(self) -> State:
        low, high = self.interval.low, self.interval.high
        if low is None or high is None:
            return State.COULD_NOT
        if low > 1 + self.bound:
            return State.FAILED
        return State.PASSED if high < 1 + self.bound else State.COULD_NOT

    @property
    def words(self) -> str:
        """Such as "+1.2 % (-0.3 to +2.7 %)"."""
        ends = (self.interval.low, self.interval.high)
        told = " to ".join("?" if end is None else f"{100 * (end - 1):+.1f}" for end in ends)
        return f"{100 * (self.interval.estimate - 1):+.1f} % ({told} %)"

    @property
    def allowed(self) -> str:
        return f"at most {100 * self.bound:+.1f} %"


def slowdown(log_ratios: Sequence[float], bound: float) -> Slowdown:
    """What so many logarithms of a time over the baseline's come to."""
    return Slowdown(interval=ratio_interval(log_ratios), bound=bound)


def compare(
    kinds: Mapping[str, Callable[[], float]],
    baseline: str,
    *,
    bound: float,
    left_s: Callable[[], float],
    least_blocks: int = LEAST_BLOCKS,
) -> dict[str, Slowdown]:
    """How much longer each other kind of round takes than the baseline.

    Each call of a kind runs one round and returns its seconds. Every turn has a round of each, in random
    order and then in the reverse of it; a kind that is judged leaves its time to the others. It ends when
    every kind is judged, or when another block would not fit into what is left of the time. Empty where
    nothing could be timed.
    """
    shuffler = random.Random(0)  # noqa: S311  (order, not secrecy)
    open_ones = [name for name in kinds if name != baseline]
    blocks: dict[str, list[float]] = {name: [] for name in open_ones}
    found: dict[str, Slowdown] = {}
    block_s = 0.0
    while open_ones and left_s() > 2 * block_s:
        began_s = time.monotonic()
        times_s = _block({name: kinds[name] for name in (baseline, *open_ones)}, shuffler)
        block_s = time.monotonic() - began_s
        for name in open_ones:
            base, other = typical_effects(np.column_stack([times_s[baseline], times_s[name]]))
            ratio = float(base - other)
            if math.isfinite(ratio):
                blocks[name].append(ratio)
                found[name] = slowdown(blocks[name], bound)
        open_ones = [name for name in open_ones if not _judged(blocks[name], bound, least_blocks)]
    return found if all(blocks.values()) else {}


def _judged(log_ratios: Sequence[float], bound: float, least_blocks: int) -> bool:
    """Whether a kind is judged: twice in a row alike, for a first look is narrow by chance more often."""
    if len(log_ratios) <= least_blocks:
        return False
    last, before = slowdown(log_ratios, bound).state, slowdown(log_ratios[:-1], bound).state
    return last is before is not State.COULD_NOT


def _block(kinds: Mapping[str, Callable[[], float]], shuffler: random.Random) -> dict[str, list[float]]:
    times_s: dict[str, list[float]] = {name: [] for name in kinds}
    order = list(kinds)
    for turn in range(TURNS_A_BLOCK):
        if turn % 2 == 0:
            shuffler.shuffle(order)
        else:
            order.reverse()
        for name in order:
            times_s[name].append(kinds[name]())
    return times_s
