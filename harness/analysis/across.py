"""Ratios of several kinds of hardware side by side: frames in, one row a case and two of its kinds out.

Kinds are measured by hosts of their own, so nothing is paired. The difference of two log-ratios is judged by
its standard error and the fewer of the two degrees of freedom, which errs no more often than it says (Mickey
and Brown 1966). What makes a difference is not asked: kinds may differ in hardware and in versions at once.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable
from itertools import combinations
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

from harness.analysis.blocks import Known
from harness.analysis.effects import effects, ratios
from harness.analysis.kinds import case_of, hosts, parts
from harness.analysis.of_trials import compared, pairs
from harness.analysis.statistics import MIN_REPLICATES, corrected
from harness.store.frames import Frames
from harness.work.records import Phase

_DTYPES: Final[dict[Hashable, str]] = {
    "case": "str",
    "kind": "str",
    "other": "str",
    "speed_of": "str",
    "speed_over": "str",
    "ratio_of": "float64",
    "ratio_over": "float64",
    "difference": "float64",
    "difference_low": "float64",
    "difference_high": "float64",
    "p_value": "float64",
    "p_adjusted": "float64",
    "differs": "bool",
}


def across(frames: Frames, refused: Collection[str] = (), *, confidence: float = 0.95) -> pd.DataFrame:
    """Hold the ratio that each kind found in training against that of every other kind, case by case.

    Args:
        frames: told apart by kind (`kinds.apart`).
        refused: cases without a certificate, which are left out.
        confidence: of the intervals; 1 - confidence is the error rate of the family.

    Returns:
        One row a case (its name without the kind's number), two frameworks and two of its kinds: both ratios,
        and the first over the second with its interval as `difference`. All rows are one family, corrected as
        verdicts are. Interval and `p_value` are null where a kind has too few replicates.
    """
    measured = [(one, effects(one.trials, one.rounds)) for one in parts(frames)]
    rows: list[dict[str, Any]] = []
    for pair in pairs(compared(frames.trials, frames.certificates)):
        known = [_known(of_kind, found, pair, refused) for of_kind, found in measured]
        named = {"speed_of": pair[0], "speed_over": pair[1]}
        rows += [
            {"case": case, "kind": of, "other": over, **named, **against(one[case], other[case], confidence)}
            for (of, one), (over, other) in combinations(known, 2)
            for case in one
            if case in other
        ]
    tested = [row for row in rows if row["p_value"] is not None]
    for row, adjusted in zip(tested, corrected([row["p_value"] for row in tested]), strict=True):
        row |= {"p_adjusted": float(adjusted), "differs": bool(adjusted <= 1 - confidence)}
    return pd.DataFrame(rows, columns=list(_DTYPES)).fillna({"differs": False}).astype(_DTYPES)


def _known(
    of_kind: Frames, measured: pd.DataFrame, pair: tuple[str, str], refused: Collection[str]
) -> tuple[str, dict[str, tuple[Known, int]]]:
    """A kind's name, and the mean log-ratio of each of its cases with the number of its replicates."""
    found = ratios(measured, "framework", *pair)
    proven = found["phase"].eq(Phase.TRAIN) & ~found["case_id"].isin(refused)
    found = found[proven & np.isfinite(found["log_ratio"])]
    where = found["run_id"].map(hosts(of_kind))
    of_case = {
        case_of(str(case_id)): (Known.of(rows["log_ratio"].to_numpy(), list(where[rows.index])), len(rows))
        for case_id, rows in found.groupby("case_id", sort=False)
    }
    return str(of_kind.kinds["name"].iloc[0]), of_case


def against(one: tuple[Known, int], other: tuple[Known, int], confidence: float) -> dict[str, Any]:
    """Both ratios and their difference, of two means with the number of replicates behind each."""
    (of, replicates), (over, others) = one, other
    difference = of.mean - over.mean
    row: dict[str, Any] = {
        "ratio_of": math.exp(of.mean),
        "ratio_over": math.exp(over.mean),
        "difference": math.exp(difference),
        "p_value": None,
    }
    if of.cautious is None or over.cautious is None or min(replicates, others) < MIN_REPLICATES:
        return row
    errors, freedoms = zip(of.cautious, over.cautious, strict=True)
    error, freedom = math.hypot(*errors), min(freedoms)
    reach = float(stdtrit(freedom, (1 + confidence) / 2)) * error
    return row | {
        "difference_low": math.exp(difference - reach),
        "difference_high": math.exp(difference + reach),
        "p_value": float(2 * stdtr(freedom, -abs(difference) / error)),
    }
