"""Where small becomes large: along the arithmetic of a step, the point at which the other framework leads.

The ratio is taken to change evenly, on a logarithmic scale of both, between neighbouring cases. The interval
holds every amount of arithmetic at which the interval of the ratio, so drawn between the cases, holds 1: an
inverted confidence band, as Fieller (1954) inverts one for a ratio. Between two cases that were measured
apart an estimate is surer than either, so the band, and with it the interval, is wider than it need be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.work.workload import Workload, widths

# Points at which the band between the first and the last case is looked at.
_LOOKED_AT: Final = 4001


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """Additions and multiplications of a step at which the two are equally fast, with the interval.

    `below` and `above` are the frameworks that lead on either side.
    """

    flop: float
    low: float
    high: float
    below: str
    above: str


def step_flop(judged: pd.DataFrame) -> pd.Series:
    """Additions and multiplications of a case's step, by its batch size and hidden layers."""
    rows = zip(judged["batch_size"], judged["hidden"], strict=True)
    flop = [Workload(batch_size=int(size), hidden=widths(hidden)).step_flop for size, hidden in rows]
    return pd.Series(flop, index=judged.index, dtype="float64")


def crossing(judged: pd.DataFrame) -> Crossing | None:
    """The one point at which these cases change sides; None where none is sure, or there are several.

    It is sure where the smallest and the largest case have intervals on either side of 1, and one where the
    estimate changes sides once.

    Args:
        judged: verdicts of cases that differ in their hidden layers, with `step_flop`; each has an interval.
    """
    rows = judged.sort_values("step_flop")
    if rows["step_flop"].nunique() != len(rows) or len(rows) < 2:  # noqa: PLR2004  (two ends)
        return None
    flop = np.log(rows["step_flop"].to_numpy(np.float64))
    ratio, low, high = (
        np.log(rows[name].to_numpy(np.float64))
        for name in ("speed_ratio", "speed_ratio_low", "speed_ratio_high")
    )
    # 1 where the first is surely faster, -1 where the other is.
    first, last = (int(low[end] > 0) - int(high[end] < 0) for end in (0, -1))
    changes = np.flatnonzero(np.diff(np.sign(ratio)))
    if first * last != -1 or len(changes) != 1:
        return None
    at = np.linspace(flop[0], flop[-1], _LOOKED_AT)
    held = at[(np.interp(at, flop, low) <= 0) & (np.interp(at, flop, high) >= 0)]
    point = _zero(flop, ratio, int(changes[0]))
    one, other = str(rows["speed_of"].iloc[0]), str(rows["speed_over"].iloc[0])
    below, above = (one, other) if first > 0 else (other, one)
    # The band may be narrower than the points at which it is looked at.
    ends = np.exp([min(held.min(initial=point), point), max(held.max(initial=point), point)])
    return Crossing(
        flop=float(np.exp(point)), low=float(ends[0]), high=float(ends[1]), below=below, above=above
    )


def _zero(flop: NDArray[np.float64], ratio: NDArray[np.float64], before: int) -> float:
    """Where the line between two neighbours, of which `before` is the first, is zero."""
    share = ratio[before] / (ratio[before] - ratio[before + 1])
    return float(flop[before] + share * (flop[before + 1] - flop[before]))
