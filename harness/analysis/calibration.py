"""What the tries of a calibration add up to: how often each way is wrong, and what can be told apart."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any, Final

import pandas as pd
from scipy.special import stdtrit

from harness.analysis.statistics import CAUTION, MIN_REPLICATES, Verdict
from harness.analysis.usual import IN_TURNS, Says

# The error that a verdict is allowed, see `statistics.judge_family`.
_ALPHA: Final = 0.05

_CALLED: Final = [Says.FIRST_FASTER, Says.SECOND_FASTER]

# A difference counts as resolved where so large a share of tries would find it.
POWER: Final = 0.9

# How long somebody waits, and the columns that tell what is resolved by then.
RESOLVED: Final = {f"resolved_in_{time_s}_s": time_s for time_s in (60, 300, 600)}

_DTYPES: Final[dict[Hashable, str]] = {
    "case_id": "str",
    "planted_share": "float64",
    "try_s": "float64",
    "way": "str",
    "replicates": "int32",
    "tries": "int32",
    "first_faster": "int32",
    "second_faster": "int32",
    "equivalent": "int32",
    "undecided": "int32",
    "found": "int32",
    "wrong_sign": "int32",
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
    **dict.fromkeys(RESOLVED, "float64"),
}


def calibration(attempts: pd.DataFrame, *, margin: float = 0.03) -> pd.DataFrame:
    """Sum up the tries of each case, length, number of replicates, planted share and way.

    Args:
        attempts: one row a try, case and way, columns as in `store.schema.ATTEMPTS`.
        margin: a difference below it may rightly be called equivalent.

    Returns:
        One row a planted share, case, length of a try (`try_s`), way and number of replicates, of which the
        usual ways have one; the project's own way first.
        `found` counts the tries in which the slowed one was: called slower, or, where no more than the margin
        was planted and both may be called equivalent, with the interval on its side of 1; `wrong_sign` those
        in which the other was. `wrong` counts what the truth contradicts: a contender called faster that is
        not, or `equivalent` where the planted share is more than the margin. `found_share` is null where
        nothing was planted. `covered` counts the intervals that hold the true ratio. Shares have Clopper and
        Pearson's (1934) interval of 95 %. `half_width` is the intervals' median, `error` the root mean square
        of the log-ratios' errors. `resolved_in_60_s` and so on is the smallest difference that a case of a
        run would be found to have nine times in ten in so many seconds of wall time: a replicate's error over
        the square root of how many there are by then, multiplied by the t quantiles of the test's size and
        power; null where there are too few for a verdict. That error is what the tries were off by, or what
        their intervals say, whichever is more: a single try may be right by chance.
    """
    rows = []
    groups = attempts.groupby(["planted_share", "case_id", "try_s", "way", "replicates"], sort=False)
    for (_, case_id, try_s, way, replicates), tries in groups:
        share = float(tries["planted_share"].iloc[0])
        named = {"case_id": case_id, "planted_share": share, "try_s": try_s, "way": way}
        rows.append(named | {"replicates": replicates} | _row(tries, share, margin))
    frame = pd.DataFrame(rows, columns=list(_DTYPES)).astype(_DTYPES)
    places = {case_id: place for place, case_id in enumerate(attempts["case_id"].unique())}
    frame = frame.assign(place=frame["case_id"].map(places), usual=frame["way"] != IN_TURNS)
    ordered = frame.sort_values(["planted_share", "place", "try_s", "usual", "replicates"], kind="stable")
    return ordered.drop(columns=["place", "usual"]).reset_index(drop=True)


def false_alarms(attempts: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """How often a framework was called different from itself in turns, for each value of these columns.

    `attempts` is as in `calibration`, and so are the columns `tries`, `wrong`, and `wrong_share` with its
    interval. Tries of any length and number of matches count alike, unless `by` tells them apart.
    """
    return _alarms(_equals(attempts), by)


def families(attempts: pd.DataFrame) -> pd.DataFrame:
    """How often a try of several cases, in each of which nothing differed, called any of them different.

    Columns and rows are those of `false_alarms` by length of a try (`try_s`) and number of matches
    (`replicates`); none where no try held several cases.
    """
    tries = (
        _equals(attempts)
        .groupby(["calibration_id", "number"])
        .agg(
            cases=("case_id", "nunique"),
            called=("called", "any"),
            try_s=("try_s", "first"),
            replicates=("replicates", "first"),
        )
    )
    return _alarms(tries[tries["cases"] > 1], ["try_s", "replicates"])


def _equals(attempts: pd.DataFrame) -> pd.DataFrame:
    """The tries in turns in which nothing was planted, and whether each was `called` different."""
    same = attempts[(attempts["planted_share"] == 0) & (attempts["way"] == IN_TURNS)]
    return same.assign(called=same["says"].isin(_CALLED))


def _alarms(tries: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    rows = []
    for key, of in tries.groupby(list(by)):
        wrong = int(of["called"].sum())
        told = dict(zip(by, key, strict=True)) | {"tries": len(of), "wrong": wrong}
        rows.append(told | _shares("wrong_share", wrong, len(of)))
    named = ("tries", "wrong", "wrong_share", "wrong_share_low", "wrong_share_high")
    return pd.DataFrame(rows, columns=[*by, *named])


def _row(tries: pd.DataFrame, share: float, margin: float) -> dict[str, Any]:
    says, count = tries["says"].value_counts(), len(tries)
    first_faster, second_faster = (int(says.get(name, 0)) for name in (Says.FIRST_FASTER, Says.SECOND_FASTER))
    equivalent = int(says.get(Verdict.EQUIVALENT, 0))
    wrong = second_faster + (first_faster if share == 0 else 0) + (equivalent if share > margin else 0)
    within = tries[tries["says"].eq(Verdict.EQUIVALENT) & (0 < share <= margin)]
    errors = (tries["ratio"].map(math.log) - math.log1p(share)).pow(2)
    found = first_faster + int((within["ratio_low"] > 1).sum())
    row = {
        "tries": count,
        "first_faster": first_faster,
        "second_faster": second_faster,
        "equivalent": equivalent,
        "undecided": count - first_faster - second_faster - equivalent,
        "found": found,
        "wrong_sign": second_faster + int((within["ratio_high"] < 1).sum()),
        "wrong": wrong,
        "error": math.sqrt(errors.mean()),
        "measured_s": tries["measured_s"].mean(),
        **_shares("wrong_share", wrong, count),
    }
    if share > 0:
        row |= _shares("found_share", found, count)
    bounded = tries.dropna(subset=["ratio_low", "ratio_high"])
    if len(bounded):
        row |= _interval_columns(bounded, share)
    return row


def _interval_columns(bounded: pd.DataFrame, share: float) -> dict[str, Any]:
    truth = 1 + share
    covered = int(((bounded["ratio_low"] <= truth) & (truth <= bounded["ratio_high"])).sum())
    half_width = ((bounded["ratio_high"] / bounded["ratio_low"]).pow(0.5) - 1).median()
    return {
        "covered": covered,
        **_shares("covered_share", covered, len(bounded)),
        "half_width": half_width,
        **{name: _resolved(bounded, share, time_s) for name, time_s in RESOLVED.items()},
    }


def _resolved(bounded: pd.DataFrame, share: float, time_s: float) -> float | None:
    replicates = int(time_s // (bounded["wall_s"] / bounded["replicates"]).mean())
    if replicates < MIN_REPLICATES:
        return None
    off = bounded["ratio"].map(math.log) - math.log1p(share)
    reaches = (bounded["ratio_high"] / bounded["ratio_low"]).map(math.log) / 2
    said = reaches / stdtrit(bounded["replicates"] - 1, 1 - _ALPHA / 2)
    of_a_replicate = math.sqrt(max((one.pow(2) * bounded["replicates"]).mean() for one in (off, said)))
    called = 1 - _ALPHA / CAUTION / 2
    reach = float(stdtrit(replicates - 1, called) + stdtrit(replicates - 1, POWER))
    return math.expm1(reach * of_a_replicate / math.sqrt(replicates))


def _shares(name: str, hits: int, count: int) -> dict[str, float]:
    """A share and its exact interval."""
    # Imported here: it takes a second, and no run needs it before its end.
    from scipy.stats import binomtest  # noqa: PLC0415

    reach = binomtest(hits, count).proportion_ci(0.95, method="exact")
    return {name: hits / count, f"{name}_low": float(reach.low), f"{name}_high": float(reach.high)}
