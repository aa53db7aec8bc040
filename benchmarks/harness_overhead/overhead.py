"""Rounds in, one row a framework, way and batch size out: the harness's speed over the bare script's."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import pandas as pd

from harness.analysis.intervals import Interval, ratio_interval
from harness.analysis.match import typical_effects
from harness.engine.warming import warm_up_rounds

# The harness may be at most so much slower, or faster, than the script.
MARGIN: Final = 0.01


class Within(StrEnum):
    """Whether the ratio is within the margin, as far as its interval can say."""

    YES = "yes"
    NO = "no"
    NOT_SHOWN = "not shown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Overhead:
    """The harness's speed over the bare script's: below 1, the harness costs time.

    `wall` is judged. `cpu` is the same ratio in the processes' CPU seconds, which other processes on the
    machine disturb less: a second line of evidence. `loss_gap` is the largest relative difference
    of the two sides' losses in any round.
    """

    framework: str
    way: str
    batch_size: int
    wall: Interval
    cpu: Interval
    loss_gap: float

    @property
    def within(self) -> Within:
        """Yes when the whole interval is within the margin, no when all of it is outside."""
        low, high = self.wall.low, self.wall.high
        if low is None or high is None:
            return Within.NOT_SHOWN
        least, most = 1 / (1 + MARGIN), 1 + MARGIN
        if least <= low and high <= most:
            return Within.YES
        return Within.NO if high < least or low > most else Within.NOT_SHOWN


def overheads(rounds: pd.DataFrame) -> list[Overhead]:
    """Judge every framework, way and batch size in a frame with the columns of `replicate.Turns`.

    Raises:
        ValueError: a time is not a number above zero.
    """
    return [_overhead(group) for _, group in rounds.groupby(["framework", "way", "batch_size"], sort=False)]


def log_ratio(rounds: pd.DataFrame, clock: str = "s") -> float:
    """One replicate's log-ratio over the rounds that neither side had in its warm-up.

    `clock` says what is compared: `s` for wall seconds, `cpu_s` for CPU seconds.
    """
    ordered = rounds.sort_values("round")
    dropped = max(
        warm_up_rounds((ordered[f"{side}_s"] / ordered["samples"]).tolist()) for side in ("bare", "harness")
    )
    kept = ordered[dropped:]
    harness, bare = typical_effects(kept[[f"harness_{clock}", f"bare_{clock}"]])
    return float(harness - bare)


def _overhead(rounds: pd.DataFrame) -> Overhead:
    replicates = [one for _, one in rounds.groupby("replicate")]
    return Overhead(
        framework=rounds["framework"].iloc[0],
        way=rounds["way"].iloc[0],
        batch_size=int(rounds["batch_size"].iloc[0]),
        wall=ratio_interval([log_ratio(one) for one in replicates]),
        cpu=ratio_interval([log_ratio(one, "cpu_s") for one in replicates]),
        loss_gap=float((rounds["bare_loss"] / rounds["harness_loss"] - 1).abs().max()),
    )
