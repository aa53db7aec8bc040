"""How many contenders a match holds: as many as memory does, measured on those that have started."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

from harness.engine.seat import Seat
from harness.measure import host
from harness.measure.gpu import GpuSampler

# Of all memory, so much is left alone: it is the system's, and the parent's.
_LEFT_SHARE: Final = 0.1

# A worker that has started takes at most so much more by the end of its trial.
_GROWTH_SHARE: Final = 0.25


def room_for(seats: Sequence[Seat], gpu: GpuSampler | None, beside_bytes: int = 0) -> float:
    """How many workers as large as the largest of these fit beside them, once all have grown.

    The host's memory decides, and on a GPU its own too. `beside_bytes` is what else the run holds of the
    host's. Infinite where no worker could be looked at.
    """
    resident_bytes = _known(seat.resident_bytes for seat in seats)
    # What a control group allows is counted without page cache, which the system gives back when asked.
    free_bytes = min(host.available_bytes(), host.memory_bytes() - sum(resident_bytes) - beside_bytes)
    rooms = [_room(resident_bytes, free_bytes, host.memory_bytes())]
    if gpu is not None and gpu.total_bytes is not None and gpu.free_bytes is not None:
        rooms.append(_room(_known(seat.device_bytes for seat in seats), gpu.free_bytes, gpu.total_bytes))
    return max(0, min(rooms))


def _room(taken_bytes: Sequence[int], free_bytes: int, total_bytes: int) -> float:
    if not taken_bytes:
        return math.inf
    left_bytes = free_bytes - _LEFT_SHARE * total_bytes - _GROWTH_SHARE * sum(taken_bytes)
    return left_bytes // ((1 + _GROWTH_SHARE) * max(taken_bytes))


def _known(values: Iterable[int | None]) -> list[int]:
    return [value for value in values if value]
