"""Energy in blocks of its own, long enough for a card to tell the sides apart.

Speed is measured in turns of a fifth of a second. Of so short a turn a card's sensors tell little: many give
an average over the last second, and some look a quarter of the time (arXiv 2312.02741). So when the rounds
are done the sides train for seconds on end, in turns.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from harness.engine.pairing import turns
from harness.engine.side import Side
from harness.settings.grid import SIDES

# Of which the first second is left out, see `measure.gpu.steady_energy_j`.
_BLOCK_S: Final = 3.0
_BLOCKS: Final = 2


def measure_energy(sides: Mapping[str, Side], seed: str) -> None:
    """Blocks of whole epochs in turns; none where a side has failed.

    Nor for a listing as printed: its `fit` runs the epochs that it was told, and has ended.
    """
    if any(side.failure or side.case.as_printed for side in sides.values()):
        return
    for names in turns((SIDES[0], SIDES[1]), _BLOCKS, seed):
        for name in names:
            sides[name].train_block(_BLOCK_S)
