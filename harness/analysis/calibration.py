"""What the tries of a calibration add up to: how often each way is wrong, and what can be told apart."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any, Final

import pandas as pd
from scipy.special import stdtrit
from scipy.stats import binomtest

from harness.analysis.statistics import CAUTION, Verdict
from harness.analysis.usual import IN_TURNS, Says

# The error that a verdict is allowed, see `statistics.judge_family`.
_ALPHA: Final = 0.05

# A difference counts as resolved where so large a share of tries would find it.
POWER: Final = 0.9

_DTYPES: Final[dict[Hashable, str]] = {
    "planted_share": "float64",
    "try_s": "float64",
    "way": "str",
    "tries": "int32",
    "first_faster": "int32",
    "second_faster": "int32",
    "equivalent": "int32",
    "undecided": "int32",
    "wrong": "int32",
    "wrong_share": "float64",
    "wrong_share_low": "float64",
    "wrong_share_high": "float64",
    "found_share": "float64",
    "found_share_low": "float64",
    "found_share_high": "float64",
    "covered": "Int32",
    "covered_share": "float64",
    "covered_share_low": "float64",
    "covered_share_high": "float64",
    "half_width": "float64",
    "error": "float64",
    "measured_s": "float64",
    "resolved_share": "float64",
}


def calibration(attempts: pd.DataFrame, *, margin: float = 0.03) -> pd.DataFrame:
    """Sum up the tries of each length, planted share and way.

    Args:
        attempts: one row a try and way, columns as in `store.schema.ATTEMPTS`.
        margin: a difference below it may rightly be called equivalent.

    Returns:
        One row a planted share, length of a try (`try_s`) and way; the project's own way first. `wrong`
        counts what the truth contradicts: a contender called faster that is not, or `equivalent` where the
        planted share is more than the margin. `found_share` is how often the slowed one was found, null
        where nothing was planted. `covered` counts the intervals that hold the true ratio. Shares have
        Clopper and Pearson's (1934) interval of 95 %. `half_width` is the intervals' median, `error` the
        root mean square of the log-ratios' errors. `resolved_share` is the smallest difference that a
        minute of measuring would find nine times in ten: the errors scaled by the square root of time and
        multiplied by the t quantiles of the test's size and power.
    """
    rows = []
    groups = attempts.groupby(["planted_share", "try_s", "way"], sort=False)
    for (_, try_s, way), tries in groups:
        share = float(tries["planted_share"].iloc[0])
        rows.append({"planted_share": share, "try_s": try_s, "way": way} | _row(tries, share, margin))
    frame = pd.DataFrame(rows, columns=list(_DTYPES)).astype(_DTYPES)
    frame = frame.assign(usual=frame["way"] != IN_TURNS)
    ordered = frame.sort_values(["planted_share", "try_s", "usual"], kind="stable")
    return ordered.drop(columns="usual").reset_index(drop=True)


def _row(tries: pd.DataFrame, share: float, margin: float) -> dict[str, Any]:
    says, count = tries["says"].value_counts(), len(tries)
    first_faster, second_faster = (int(says.get(name, 0)) for name in (Says.FIRST_FASTER, Says.SECOND_FASTER))
    equivalent = int(says.get(Verdict.EQUIVALENT, 0))
    wrong = second_faster + (first_faster if share == 0 else 0) + (equivalent if share > margin else 0)
    errors = (tries["ratio"].map(math.log) - math.log1p(share)).pow(2)
    row = {
        "tries": count,
        "first_faster": first_faster,
        "second_faster": second_faster,
        "equivalent": equivalent,
        "undecided": count - first_faster - second_faster - equivalent,
        "wrong": wrong,
        "error": math.sqrt(errors.mean()),
        "measured_s": tries["measured_s"].mean(),
        **_shares("wrong_share", wrong, count),
    }
    if share > 0:
        row |= _shares("found_share", first_faster, count)
    bounded = tries.dropna(subset=["ratio_low", "ratio_high"])
    if len(bounded):
        row |= _interval_columns(bounded, share)
    return row


def _interval_columns(bounded: pd.DataFrame, share: float) -> dict[str, Any]:
    truth = 1 + share
    covered = int(((bounded["ratio_low"] <= truth) & (truth <= bounded["ratio_high"])).sum())
    half_width = ((bounded["ratio_high"] / bounded["ratio_low"]).pow(0.5) - 1).median()
    freedom = int(bounded["replicates"].median()) - 1
    error = math.sqrt((bounded["ratio"].map(math.log) - math.log1p(share)).pow(2).mean())
    called = 1 - _ALPHA / CAUTION / 2
    reach = float(stdtrit(freedom, called) + stdtrit(freedom, POWER))
    minutes = bounded["measured_s"].mean() / 60
    return {
        "covered": covered,
        **_shares("covered_share", covered, len(bounded)),
        "half_width": half_width,
        "resolved_share": math.expm1(reach * error * math.sqrt(minutes)),
    }


def _shares(name: str, hits: int, count: int) -> dict[str, float]:
    """A share and its exact interval."""
    reach = binomtest(hits, count).proportion_ci(0.95, method="exact")
    return {name: hits / count, f"{name}_low": float(reach.low), f"{name}_high": float(reach.high)}
