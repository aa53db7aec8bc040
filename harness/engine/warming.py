"""When a trial has warmed up: a rule fixed in advance, applied when its rounds are complete."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import median
from typing import Final

from harness.work.records import Phase, Round

# Fewer rounds than this cannot tell a drift from noise.
FEWEST_ROUNDS: Final = 4

# At most this share of a trial is taken for warm-up.
LARGEST_SHARE: Final = 0.25

# A round has settled when it is within so many robust standard deviations of the settled half.
_DEVIATIONS: Final = 3.0

# A spread smaller than this, relative to the median, is the clock's and not the machine's.
_SMALLEST_SPREAD: Final = 0.01

# Turns a median absolute deviation into a standard deviation where noise is normal.
_NORMAL: Final = 1.4826


def warm_up_rounds(times_s: Sequence[float]) -> int:
    """How many leading rounds belong to warm-up.

    The second half of the rounds says what settled looks like: their median, and 3 times their median
    absolute deviation (scaled to a standard deviation; at least 1 % of the median) around it. Warm-up
    ends before the first round inside; it is at most a quarter of the rounds, and nothing where there
    are fewer than four.

    Args:
        times_s: (rounds,) seconds a sample, in the order in which the rounds ran.
    """
    if len(times_s) < FEWEST_ROUNDS:
        return 0
    settled = times_s[len(times_s) // 2 :]
    centre = median(settled)
    spread = max(_NORMAL * median(abs(time_s - centre) for time_s in settled), _SMALLEST_SPREAD * centre)
    most = int(LARGEST_SHARE * len(times_s))
    for number in range(most):
        if abs(times_s[number] - centre) <= _DEVIATIONS * spread:
            return number
    return most


def marked(rounds: Sequence[Round]) -> tuple[Round, ...]:
    """The rounds of a trial, those of its warm-up marked, each phase by itself."""
    dropped = {
        phase: warm_up_rounds([one.sample_s for one in rounds if one.phase is phase]) for phase in Phase
    }
    return tuple(replace(one, warm_up=one.index < dropped[one.phase]) for one in rounds)
