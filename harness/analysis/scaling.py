"""What several workers make of a framework's speed: frames in, one row a case of several and framework out.

Of matches in which one worker and several of a framework took turns, so that both met the same moments. With
the throughput v(n) of n workers, which share batches of one size, the speed-up is v(n) / v(1), and the
efficiency that over n. One minus the efficiency is the share of a step's time that it would not take if the
work of one were dealt out and nothing added: exchanging gradients, waiting for each other, and what each does
for itself whatever its share, such as the optimiser's step.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any, Final

import numpy as np
import pandas as pd

from harness.analysis.effects import effects, ratios
from harness.analysis.intervals import Interval, ratio_interval
from harness.frameworks import registry
from harness.work.records import Phase, Status

# Cases that share these differ in their workers alone.
_ALIKE: Final = [
    "device", "mode", "update", "precision", "dataset", "train_samples", "batch_size", "hidden", "epochs",
]  # fmt: skip

_BOUNDS: Final = ("", "_low", "_high")
_DTYPES: Final[dict[Hashable, str]] = {
    "case_id": "str",
    "framework": "str",
    "workers": "int32",
    "over_workers": "int32",
    "replicates": "int32",
    "confidence": "float64",
    **{f"speed_up{end}": "float64" for end in _BOUNDS},
    **{f"efficiency{end}": "float64" for end in _BOUNDS},
    "step_s": "float64",
    "beyond_share_s": "float64",
}


def scaling(trials: pd.DataFrame, rounds: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """Speed-up and efficiency of each number of workers over the fewest.

    Args:
        trials: those of scaling matches, one row a trial, columns as in `store.schema.TRIALS`.
        rounds: their rounds, columns as in `store.schema.ROUNDS`.
        confidence: of the intervals.

    Returns:
        One row a case and framework, of those that have their certificates: `workers` over `over_workers`,
        the fewest that were measured beside them, usually 1. The intervals are `intervals.ratio_interval`'s
        over the `replicates`, null where these cannot bound them. `step_s` is what a step of a whole batch
        takes by the median of the trials, and `beyond_share_s` how much of it is beyond its share of what it
        takes the fewest. Each interval holds by itself; nothing is tested.
    """
    proven = trials[trials["certified"].eq(True)] if len(trials) else trials  # noqa: FBT003  (with nulls)
    if proven.empty:
        return pd.DataFrame(columns=list(_DTYPES)).astype(_DTYPES)
    found = effects(proven, rounds)
    found = found[found["phase"] == Phase.TRAIN]
    rows = [
        row
        for _, alike in proven.groupby(_ALIKE, sort=False)
        for name in registry.in_order(set(alike["framework"]))
        for row in _of_framework(alike[alike["framework"] == name], found, confidence)
    ]
    return pd.DataFrame(rows, columns=list(_DTYPES)).astype(_DTYPES)


def _of_framework(trials: pd.DataFrame, found: pd.DataFrame, confidence: float) -> Iterator[dict[str, Any]]:
    cases = trials.drop_duplicates("contender").sort_values("workers").to_dict("records")
    fewest, *others = cases
    for one in others:
        told = ratios(found, "contender", one["contender"], fewest["contender"])
        log_ratios = told["log_ratio"].to_numpy(np.float64)
        log_ratios = log_ratios[np.isfinite(log_ratios)]
        if log_ratios.size:
            interval = ratio_interval(log_ratios, confidence)
            yield _row(one, int(fewest["workers"]), _step_s(trials, one), interval)


def _step_s(trials: pd.DataFrame, one: dict[Hashable, Any]) -> float:
    """Seconds that a contender takes for a step of a whole batch."""
    done = trials[(trials["contender"] == one["contender"]) & (trials["status"] == Status.OK)]
    return float((one["batch_size"] / done["train_samples_per_s"]).median())


def _row(one: dict[Hashable, Any], fewest: int, step_s: float, interval: Interval) -> dict[str, Any]:
    more = one["workers"] / fewest
    ends = (interval.estimate, interval.low, interval.high)
    speed_up = dict(zip((f"speed_up{end}" for end in _BOUNDS), ends, strict=True))
    shares = (None if end is None else end / more for end in ends)
    return {
        "case_id": one["case_id"],
        "framework": one["framework"],
        "workers": one["workers"],
        "over_workers": fewest,
        "replicates": interval.replicates,
        "confidence": interval.confidence,
        **speed_up,
        **dict(zip((f"efficiency{end}" for end in _BOUNDS), shares, strict=True)),
        "step_s": step_s,
        "beyond_share_s": step_s * (1 - interval.estimate / more),
    }
