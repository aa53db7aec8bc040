"""Energy in blocks of its own, long enough for a card to tell the contenders of a match apart.

Speed is measured in turns of a tenth of a second. Of so short a turn a card's sensors tell little: many give
an average over the last second, and some look a quarter of the time (arXiv 2312.02741). So when the rounds
are done the contenders train for seconds on end, in turns.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from harness.engine.seat import Seat
from harness.engine.turns import turns

# Of which the first second is left out, see `measure.samples.steady_energy_j`.
_BLOCK_S: Final = 3.0
_BLOCKS: Final = 2

# Fewer have nobody to be compared with.
_FEWEST: Final = 2


def measure_energy(seats: Mapping[int, Seat], seed: str) -> None:
    """Blocks of whole epochs in turns of all that have not failed; none where that leaves fewer than two.

    Nor of a listing as printed: its `fit` runs the epochs that it was told, and has ended.
    """
    standing = sorted(number for number, seat in seats.items() if not (seat.failure or seat.case.as_printed))
    if len(standing) < _FEWEST:
        return
    for numbers in turns(standing, _BLOCKS, seed):
        for number in numbers:
            seats[number].train_block(_BLOCK_S)
