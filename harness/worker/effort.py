"""What processor time tells of work: done when it was asked for, anew, and by the threads that it was given.

Work that is put off, done beforehand or remembered costs its round next to nothing, and whoever looks a lot.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np

from harness.errors import OtherWork
from harness.frameworks.witness import Witness

_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class Beside:
    """What of a round's processor time may be spent beside it, and what however short it was."""

    share: float
    least_s: float


# As its batches are made ready, of which a fiftieth was measured; and when it is looked at, a fortieth.
READY: Final = Beside(0.05, 0.003)
LOOKED: Final = Beside(0.2, 0.02)
# Where a round's own is no more than asking a device to do it.
ASKING: Final = Beside(1.0, 0.05)

# What is remembered comes so many times sooner than what is computed: 7 times and more for the smallest
# question, a prediction of one sample. Computed twice, it took 0.5 to 1.4 times as long.
_SOONER: Final = 3
# More than a core keeps at hand. Weights just copied are not in its cache, those just used are, and that
# alone made a prediction of one sample up to 3.2 times sooner the second time.
_CACHE_BYTES: Final = 8 << 20
_TRIES: Final = 3

# Processors that a round may keep busy beyond its threads: given one, a sixtieth of one was measured. Several
# are a pool, and those that hand it work stand beside it: the caller, and another that starts operations.
_BUSIER: Final = 0.25
_HANDING_OUT: Final = 2
# Beside each of several workers those that exchange what they come to: one that sends and one that waits.
_EXCHANGING: Final = 2

# A tick of the system's clock, and the least that the clock of processor time tells apart.
_TICK_S: Final = 0.01
_CLOCK_S: Final = time.get_clock_info("process_time").resolution


def spent(ask: Callable[[], _Found]) -> tuple[_Found, float]:
    """What is asked for, and the processor time that the answer took."""
    begin_s = time.process_time()
    return ask(), time.process_time() - begin_s


def require_done(what: str, cpu_s: float, beside: str, took_s: float, allowed: Beside) -> None:
    """What is done beside a round may cost something, but no more than is allowed of the round's work.

    Raises:
        OtherWork: it took more.
    """
    if took_s > max(allowed.share * cpu_s, allowed.least_s):
        raise OtherWork(f"{what} took {cpu_s:.3f} s of processor time, and {beside} {took_s:.3f} s")


def require_threads(asked: int, cpu_s: float, wall_s: float, workers: int = 1) -> None:
    """A round keeps no more processors busy than it was given threads, or each of its workers was.

    Raises:
        OtherWork: it did.
    """
    most = asked + _BUSIER + (_HANDING_OUT if asked > 1 else 0)
    if workers > 1:
        most = workers * (most + _EXCHANGING)
    if cpu_s > most * wall_s + _TICK_S:
        raise OtherWork(f"threads: a round kept {cpu_s / wall_s:.2f} processors busy and was given {asked}")


def uneven(each_s: list[float]) -> bool:
    """Whether one of several that are alike took so little as if most of it had been remembered."""
    return _SOONER * min(each_s) < max(each_s)


def require_anew(
    witness: Witness, other: Any, what: str, ask: Callable[[], _Found], prove: Callable[[_Found], None]
) -> None:
    """From the `other` state the answer is another, which `prove` holds; once more, it is computed anew.

    The state is put back.

    Raises:
        OtherWork: the answer was only remembered.
    """
    kept, computed_s, again_s = witness.keep(), [], []
    evicting = np.ones(_CACHE_BYTES, np.uint8).view(np.float64)
    for _ in range(_TRIES):
        witness.put_back(other)
        evicting.sum()
        answer, took_s = spent(ask)
        computed_s.append(took_s)
        evicting.sum()
        again_s.append(spent(ask)[1])
    prove(answer)
    witness.put_back(kept)
    # A clock too coarse to see a call says nothing of it.
    if _SOONER * max(*again_s, _CLOCK_S) < min(computed_s):
        raise OtherWork(
            f"{what} took {min(computed_s):.6f} s of processor time, once it was known {max(again_s):.6f} s"
        )
