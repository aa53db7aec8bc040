"""A case over many runs: one number a run, and where that number has shifted for good.

Between runs a machine drifts, so here the run is the unit: each is one mean of log speeds, and the spread
between runs is what a shift has to stand out from. Shifts are found by E-divisive means (Matteson and James
2014) with the exponent 2, which sees shifts of the mean: the split with the largest scaled squared distance
between the means on both sides is tested by permutation, and where it is significant each side is searched in
turn. That is how MongoDB finds regressions in its own noisy results (Daly et al. 2020).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.analysis.comparable import MACHINE
from harness.analysis.intervals import SMALLEST_SPREAD, FloatArray
from harness.analysis.of_trials import compared, pairs
from harness.analysis.throughput import log_speeds
from harness.work.records import Phase

# The ratio of two speeds, beside each framework's own.
RATIO: Final = "ratio"

# In 12 runs even the clearest shift, six and six, comes about in one of 462 orders; with fewer runs than
# that, one in a hundred is too close to be told from by a sample of the orders.
FEWEST_RUNS: Final = 12

_ALPHA: Final = 0.01
_PERMUTATIONS: Final = 999

_POINTS: Final[dict[Hashable, str]] = {
    "case_id": "str",
    "series": "str",
    "run_id": "str",
    "number": "int32",
    "value": "float64",
    "replicates": "int32",
}
_SHIFTS: Final[dict[Hashable, str]] = {
    "case_id": "str",
    "series": "str",
    "run_id": "str",
    "number": "int32",
    "ratio": "float64",
    "before": "int32",
    "after": "int32",
    "p_value": "float64",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """From `place` on the values are others than before, back to the shift before it.

    `difference` is the mean of the `after` values less that of the `before` ones.
    """

    place: int
    before: int
    after: int
    difference: float
    p_value: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class History:
    """`points`: one row a case, series and run, `value` in samples per second or, of `ratios`, as a ratio.

    `shifts`: one row a shift, with the run (`run_id`, `number`) from which on the value was `ratio` times
    what it had been. `left_out` counts the runs that were measured elsewhere or otherwise. `frameworks` are
    those of the latest run, and `ratios` has, by the name of a series, whose speed is over whose.
    """

    frameworks: tuple[str, ...]
    ratios: dict[str, tuple[str, str]]
    points: pd.DataFrame
    shifts: pd.DataFrame
    runs: pd.DataFrame
    left_out: int


def history(runs: pd.DataFrame, trials: pd.DataFrame) -> History:
    """Speeds of training over the runs that were measured where and as the latest was.

    Args:
        runs: one row a run, columns as in `store.schema.RUNS`, oldest first.
        trials: one row a trial, columns as in `store.schema.TRIALS`; those that failed or whose certificate
            did not hold are left out.
    """
    keys = runs[[*MACHINE, "threads"]].astype(str).agg("\n".join, axis="columns")
    frameworks = _latest(list(runs["run_id"]), trials)
    ratios = _ratios(frameworks)
    others = [
        run_id
        for run_id, names in trials.groupby("run_id")["framework"]
        if not set(names) <= set(frameworks) or 1 < len(set(names)) < len(frameworks)
    ]
    alike = runs[(keys == keys.iloc[-1]) & ~runs["run_id"].isin(others)].reset_index(drop=True)
    sound = ~trials["certified"].eq(False)  # noqa: FBT003  (null in imported files)
    points = _points(
        trials[sound & trials["run_id"].isin(alike["run_id"])], list(alike["run_id"]), frameworks, ratios
    )
    rows = [row for (case_id, series), one in points.groupby(["case_id", "series"], sort=False)
            for row in _shift_rows(str(case_id), str(series), one)]  # fmt: skip
    return History(
        frameworks=frameworks,
        ratios=ratios,
        points=points,
        shifts=pd.DataFrame(rows, columns=list(_SHIFTS)).astype(_SHIFTS),
        runs=alike,
        left_out=len(runs) - len(alike),
    )


def shifts(values: npt.ArrayLike, *, alpha: float = _ALPHA, seed: int = 0) -> list[Shift]:
    """Where a series has shifted, in order; empty for fewer than `FEWEST_RUNS` values.

    Args:
        values: (runs,) one finite number a run, in the order of the runs.
        alpha: how often a series without any shift is said to have one.
        seed: of the permutations; the answer is the same for the same seed.
    """
    series = np.asarray(values, dtype=np.float64)
    rng = np.random.default_rng(seed)
    places = sorted(_search(series, 0, alpha, rng))
    ends = [0, *(place for place, _ in places), series.size]
    return [
        Shift(
            place=place,
            before=place - begin,
            after=end - place,
            difference=float(series[place:end].mean() - series[begin:place].mean()),
            p_value=p_value,
        )
        for (place, p_value), begin, end in zip(places, ends, ends[2:], strict=False)
    ]


def _search(
    series: FloatArray, offset: int, alpha: float, rng: np.random.Generator
) -> Iterator[tuple[int, float]]:
    if series.size < FEWEST_RUNS or float(np.ptp(series)) <= SMALLEST_SPREAD:
        return
    gains = _gains(series[np.newaxis])[0]
    best = int(gains.argmax())
    shuffled = rng.permuted(np.broadcast_to(series, (_PERMUTATIONS, series.size)), axis=1)
    # The order that was seen is one of the possible ones, so it is counted too.
    as_good = 1 + int((_gains(shuffled).max(axis=1) >= gains[best] * (1 - 1e-12)).sum())
    p_value = as_good / (1 + _PERMUTATIONS)
    if p_value > alpha:
        return
    place = best + 1
    yield offset + place, p_value
    yield from _search(series[:place], offset, alpha, rng)
    yield from _search(series[place:], offset + place, alpha, rng)


def _gains(series: FloatArray) -> FloatArray:
    """n m / (n + m) times the squared distance of the means, for every split of each row into n and m."""
    size = series.shape[1]
    n = np.arange(1, size)
    left = series.cumsum(axis=1)[:, :-1]
    total = series.sum(axis=1, keepdims=True)
    distance = left / n - (total - left) / (size - n)
    gains: FloatArray = n * (size - n) / size * distance**2
    return gains


def _latest(order: list[str], trials: pd.DataFrame) -> tuple[str, ...]:
    """The frameworks of the latest run that has trials."""
    measured = set(trials["run_id"])
    latest = next((run_id for run_id in reversed(order) if run_id in measured), None)
    return compared(trials[trials["run_id"] == latest])


def _ratios(frameworks: tuple[str, ...]) -> dict[str, tuple[str, str]]:
    """The series of ratios by name: the one of two frameworks, or one of every two."""
    asked = pairs(frameworks)
    return {RATIO if len(asked) == 1 else f"{one} over {other}": (one, other) for one, other in asked}


def _points(
    trials: pd.DataFrame,
    order: list[str],
    frameworks: tuple[str, ...],
    ratios: dict[str, tuple[str, str]],
) -> pd.DataFrame:
    speeds = log_speeds(trials, Phase.TRAIN).reindex(columns=list(frameworks))
    told = {name: speeds[one] - speeds[other] for name, (one, other) in ratios.items()}
    long = (
        speeds.assign(**told)
        .melt(ignore_index=False, var_name="series", value_name="log_value")
        .dropna()
        .reset_index()
    )
    means = long.groupby(["case_id", "series", "run_id"])["log_value"].agg(["mean", "size"]).reset_index()
    cases = trials[["case_id", "device", "mode", "batch_size"]].drop_duplicates("case_id")
    cases = cases.sort_values(["device", "mode", "batch_size"], kind="stable").reset_index(drop=True)
    means = means.assign(
        place=means["case_id"].map({name: place for place, name in enumerate(cases["case_id"])}),
        number=means["run_id"].map({name: number for number, name in enumerate(order, start=1)}),
        value=np.exp(means["mean"]),
        replicates=means["size"],
        rank=means["series"].map([*frameworks, *ratios].index),
    )
    ordered = means.sort_values(["place", "rank", "number"])
    return ordered[list(_POINTS)].astype(_POINTS).reset_index(drop=True)


def _shift_rows(case_id: str, series: str, points: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for one in shifts(np.log(points["value"].to_numpy())):
        row = points.iloc[one.place]
        yield {
            "case_id": case_id,
            "series": series,
            "run_id": row["run_id"],
            "number": row["number"],
            "ratio": math.exp(one.difference),
            "before": one.before,
            "after": one.after,
            "p_value": one.p_value,
        }
