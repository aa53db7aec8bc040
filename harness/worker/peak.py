"""What a device can do at most: a square matrix product and a copy, the best of many short calls.

Short, because a system that shares its cores takes one away for milliseconds at a time: the best of many
calls of less than that ran undisturbed, however busy the machine. The best, because a peak is one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

from harness.frameworks.base import Adapter
from harness.measure.loop import timed
from harness.work.recipe import Floats
from harness.work.traffic import step_holds_bytes
from harness.worker.protocol import Message

_SIDES: Final = (256, 512, 1024, 2048, 4096, 8192)
# Larger squares are not tried after a product that took so long.
_LONG_S: Final = 0.005

# Arrays as large as what a step holds are copied, and where that is small larger ones, too, up to the first
# size: what a call costs counts for less there. None is larger than the second, which no cache holds.
_GROWTH: Final = 4
_MOST_GROWN_BYTES: Final = 2**24
_MOST_COPIED_BYTES: Final = 2**28

# Each product and copy is called for so long, and so often at least, in blocks of so long: long enough for
# the clock, and on a GPU for the wait that ends a block.
_EACH_S: Final = 0.02
_FEWEST_BLOCKS: Final = 3
_BLOCK_S: Final = 0.0005


def peak(adapter: Adapter) -> Message:
    """`flop_per_s` and `bytes_per_s` of the best product and copy; both None with a `reason`.

    Whatever a framework raises is a reason, too: a probe fails no trial.
    """
    rng = np.random.default_rng(0)
    try:
        flop_per_s = max(_products(adapter, rng), default=None)
        bytes_per_s = max(_copies(adapter, rng), default=None)
    except Exception as error:  # noqa: BLE001
        return {"flop_per_s": None, "bytes_per_s": None, "reason": f"{type(error).__name__}: {error}"}
    if flop_per_s is None or bytes_per_s is None:
        named = type(adapter)
        reason = f"{named.__module__}.{named.__name__} offers no probe of its device"
        return {"flop_per_s": None, "bytes_per_s": None, "reason": reason}
    return {"flop_per_s": flop_per_s, "bytes_per_s": bytes_per_s, "reason": None}


def _products(adapter: Adapter, rng: np.random.Generator) -> Iterator[float]:
    """Additions and multiplications a second of squares, by doubling sides until one takes long."""
    for side in _SIDES:
        call = adapter.multiplying(rng.random((side, side), np.float32))
        if call is None:
            return
        best_s = _best_s(call, adapter)
        yield 2 * side**3 / best_s
        if best_s > _LONG_S:
            return


def _copies(adapter: Adapter, rng: np.random.Generator) -> Iterator[float]:
    """Bytes read and written a second; source and target together are as large as what a step holds."""
    half_bytes = min(step_holds_bytes(adapter.workload) // 2, _MOST_COPIED_BYTES)
    while True:
        array: Floats = rng.random(half_bytes // np.dtype(np.float32).itemsize, np.float32)
        call = adapter.copying(array)
        if call is None:
            return
        yield 2 * array.nbytes / _best_s(call, adapter)
        half_bytes *= _GROWTH
        if half_bytes > _MOST_GROWN_BYTES:
            return


def _best_s(call: Callable[[], object], adapter: Adapter) -> float:
    """Seconds of a call, in the best block of them."""

    def block_s(calls: int) -> float:
        def block() -> None:
            for _ in range(calls):
                call()

        return timed(block, adapter.synchronise).wall_s

    # The first makes ready what is made at a first call: code, threads, the memory of the answer.
    block_s(1)
    calls = 1
    while block_s(calls) < _BLOCK_S:
        calls *= 2
    until_s = time.perf_counter() + _EACH_S
    blocks_s = [block_s(calls)]
    while len(blocks_s) < _FEWEST_BLOCKS or time.perf_counter() < until_s:
        blocks_s.append(block_s(calls))
    return min(blocks_s) / calls
