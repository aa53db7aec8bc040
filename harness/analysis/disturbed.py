"""Which rounds something disturbed, by the rules fixed in advance: frames in, a column out."""

from __future__ import annotations

from typing import Final

import pandas as pd

# A GPU whose clock is further than this from the median was not doing what the other rounds did.
CLOCK_SHARE: Final = 0.05


def disturbances(rounds: pd.DataFrame) -> pd.Series:
    """What disturbed each round, null where nothing did.

    `disturbed_by` as the engine marked it (`measure.disturbance.mark`), and `clock` where the median clock
    of a GPU's cores was more than 5 % off that of its case and framework, which is known only when all rounds
    are. Two frameworks that load a card differently have clocks of their own, and neither disturbs the other.
    """
    usual_hz = rounds.groupby(["case_id", "phase", "framework"])["gpu_sm_hz"].transform("median")
    off = (rounds["gpu_sm_hz"] / usual_hz - 1).abs() > CLOCK_SHARE
    return rounds["disturbed_by"].mask(rounds["disturbed_by"].isna() & off, "clock")
