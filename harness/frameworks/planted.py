"""A slow-down of known size inside the training step: what calibration tries to find again."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import TypeVar

Batch = TypeVar("Batch")


def slowed(step: Callable[[Batch], None], share: float) -> Callable[[Batch], None]:
    """The step, each call of which takes `share` longer than it would have.

    The time is burnt in the worker's own process, step by step, as slower code would burn it: nothing
    outside can tell it from one, but for whoever unwraps it. On a GPU a step only starts the work, and only
    the start is stretched.
    """

    @wraps(step)
    def slower(batch: Batch) -> None:
        started_s = time.perf_counter()
        step(batch)
        now_s = time.perf_counter()
        until_s = now_s + share * (now_s - started_s)
        while time.perf_counter() < until_s:
            pass

    return slower
