"""Whether an explanation closes: how surely its changes make up the whole, and what keeps it from that.

In each walk one end sits twice, and the whole gap is measured with the second of its processes. So what the
changes leave unexplained has a true value of 1, and its scatter over walks is the noise of two processes of
one program: a control. It is made of the noise of single turns, which more turns in a match take away, and of
the speeds that processes are born with, which only more walks take away.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from harness.analysis.explanation import UNEXPLAINED, by_walk
from harness.analysis.intervals import FloatArray, Interval, ratio_interval
from harness.analysis.statistics import MIN_REPLICATES
from harness.work.changes import WHOLE

# What the interval of the unexplained factor has to lie inside, 0.95 to 1.05 whichever end is over the other,
# and how far the whole's may reach to either side.
MOST: Final = 1.05
LEAST: Final = 1 / MOST

# More walks than this are not asked for by number.
_MOST_WALKS: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """How far an explanation closes after `walks` walks in which all programs were measured.

    `scatter` is the standard deviation of the unexplained log factor over walks. Its part from single turns
    is `turn_noise`, what is left `process_noise`; null where the walks do not tell. `turns` is the
    median number of them in a match. Of all walks, `broken` lack a program that failed, and `parts` is how
    many matches memory made of the widest. `needed` walks that scatter alike would be enough; null where
    fewer than two bound nothing, or where it is more than a thousand.
    """

    walks: int
    broken: int
    parts: int | None
    turns: float | None
    walk_s: float | None
    unexplained: Interval | None
    whole: Interval | None
    scatter: float | None
    turn_noise: float | None
    process_noise: float | None
    needed: int | None

    @property
    def closes(self) -> bool:
        """Whether nothing is in doubt: enough walks, and both intervals as narrow as is asked for.

        The interval of what is unexplained lies inside `LEAST` to `MOST`, that of the whole is as narrow.
        """
        return self.walks >= MIN_REPLICATES and self.unexplained_inside and _narrow(self.whole)

    @property
    def unexplained_inside(self) -> bool:
        bounds = self.unexplained
        if bounds is None or bounds.low is None or bounds.high is None:
            return False
        return bounds.low >= LEAST and bounds.high <= MOST


def closing(changes: pd.DataFrame) -> Closing:
    """Sum up how the walks of one explanation close in speed.

    Args:
        changes: one row a change and walk, columns as in `store.schema.CHANGES`. Until schema 5 nothing told
            of turns.
    """
    walks = by_walk(changes, "speed")[[UNEXPLAINED, WHOLE]]
    complete = walks.dropna()
    sample, whole = complete[UNEXPLAINED].to_numpy(), complete[WHOLE].to_numpy()
    of_complete = changes[changes["replicate"].isin(complete.index)]
    ends = of_complete[of_complete["name"] == WHOLE]
    scatter = float(sample.std(ddof=1)) if sample.size > 1 else None
    turn_noise, process_noise = _noises(scatter, ends["turn_error"].to_numpy(dtype=np.float64))
    needed = [number for number in (_needed(sample), _needed(whole)) if number is not None]
    both = 2
    return Closing(
        walks=len(complete),
        broken=len(walks) - len(complete),
        parts=None if changes["parts"].isna().all() else int(changes["parts"].max()),
        turns=_known(ends["turns"].median()),
        walk_s=_known(changes.drop_duplicates("replicate")["wall_s"].mean()),
        unexplained=ratio_interval(sample) if sample.size else None,
        whole=ratio_interval(whole) if whole.size else None,
        scatter=scatter,
        turn_noise=turn_noise,
        process_noise=process_noise,
        needed=max(needed) if len(needed) == both else None,
    )


def _noises(scatter: float | None, errors: FloatArray) -> tuple[float | None, float | None]:
    """The scatter of walks in two parts: of the turns' own, told by each walk, and what that leaves.

    `errors` are those of the whole, of one end and the other. What is unexplained is one end twice, in
    every second walk the other one: on the mean over walks that is the same.
    """
    told = errors[np.isfinite(errors)]
    if not told.size:
        return None, None
    turns = math.sqrt(float(np.mean(told**2)))
    return turns, None if scatter is None else math.sqrt(max(scatter**2 - turns**2, 0.0))


def _needed(sample: FloatArray) -> int | None:
    """Walks after which the t-interval of numbers that scatter alike reaches no further than `MOST`."""
    if sample.size <= 1:
        return None
    spread, reach = float(sample.std(ddof=1)), math.log(MOST)
    counts = np.arange(MIN_REPLICATES, _MOST_WALKS + 1)
    enough = stdtrit(counts - 1, 0.975) * spread / np.sqrt(counts) <= reach
    return int(counts[enough][0]) if enough.any() else None


def _narrow(interval: Interval | None) -> bool:
    return interval is not None and interval.half_width is not None and interval.half_width <= MOST - 1


def _known(value: float) -> float | None:
    return None if pd.isna(value) else float(value)
