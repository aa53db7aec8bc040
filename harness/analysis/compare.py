"""Two runs against each other: frames in, one row a case, phase and framework out."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np
import pandas as pd

from harness.analysis.between import Contrast, obstacle
from harness.analysis.intervals import FloatArray
from harness.analysis.of_trials import compared
from harness.analysis.statistics import holm
from harness.analysis.throughput import log_speeds
from harness.work.records import Phase

CASE: Final = [
    "case_id", "device", "mode", "precision", "dataset", "synthetic", "batch_size", "hidden", "workers",
    "epochs",
]  # fmt: skip

_DTYPES: Final[dict[Hashable, str]] = {
    "case_id": "str",
    "phase": "str",
    "framework": "str",
    "replicates_a": "int32",
    "replicates_b": "int32",
    "samples_per_s_a": "float64",
    "samples_per_s_b": "float64",
    "speed_ratio": "float64",
    "speed_ratio_low": "float64",
    "speed_ratio_high": "float64",
    "confidence": "float64",
    "p_value": "float64",
    "p_adjusted": "float64",
    "p_equivalence": "float64",
    "p_equivalence_adjusted": "float64",
    "relative_ratio": "float64",
    "relative_ratio_low": "float64",
    "relative_ratio_high": "float64",
    "slower_share": "float64",
    "p_slower_adjusted": "float64",
    "too_slow": "boolean",
    "change": "str",
    "reason": "str",
}


class Change(StrEnum):
    """What became of a framework's speed from run A to run B."""

    FASTER = "faster"
    SLOWER = "slower"
    EQUIVALENT = "equivalent"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What is worth calling.

    `margin` is the smallest relative difference that counts, 1 - `confidence` the error rate of a family,
    and `slower_share` how much longer run B may take, None where that is not asked.
    """

    margin: float = 0.03
    confidence: float = 0.95
    slower_share: float | None = None

    @property
    def alpha(self) -> float:
        return 1 - self.confidence


def compare(a: pd.DataFrame, b: pd.DataFrame, rule: Rule | None = None) -> pd.DataFrame:
    """Judge what changed from run A to run B, for each framework in the cases that both measured.

    A replicate is the logarithm of a finished trial's median speed after warm-up. The rows of a phase are
    one family, corrected by Holm's method and called by the rule of `statistics.judge_family`.

    Args:
        a: one row a trial, columns as in `store.schema.TRIALS`.
        b: the same of the other run.
        rule: what is worth calling.

    Returns:
        `speed_ratio` is B's throughput over A's. `relative_ratio` is the same of the framework's speed over
        the other's, of several the geometric mean: they were measured in turns, so what the machine did to
        all falls out of it, and so does a change that all share. `too_slow` says that B takes more than
        `slower_share` longer, tested at half the family's error rate because the test is one-sided: for a
        single row that is when the whole interval lies beyond. What could not be computed is null, with the
        `reason`.
    """
    rule = rule or Rule()
    shared = set(b["case_id"])
    cases = a.loc[a["case_id"].isin(shared), CASE].drop_duplicates("case_id")
    frameworks = compared(a, b)
    rows: list[dict[str, Any]] = []
    for phase in Phase:
        runs = [_by_case(log_speeds(run, phase), frameworks) for run in (a, b)]
        nothing = np.empty((0, len(frameworks)))
        found = [
            {
                "case_id": case_id,
                "framework": framework,
                **_row(seat, [of_case.get(case_id, nothing) for of_case in runs]),
            }
            for case_id in cases["case_id"]
            for seat, framework in enumerate(frameworks)
        ]
        rows += [{"phase": str(phase), **row} for row in _called(found, rule)]
    judged = pd.DataFrame(rows, columns=list(_DTYPES)).astype(_DTYPES)
    return cases.merge(judged, on="case_id")


def _by_case(speeds: pd.DataFrame, frameworks: Sequence[str]) -> dict[str, FloatArray]:
    """Of `log_speeds` those of each case: a row a match, a column a framework."""
    seated = speeds.reindex(columns=list(frameworks))
    return {str(case_id): rows.to_numpy(np.float64) for case_id, rows in seated.groupby(level="case_id")}


def _row(seat: int, runs: Sequence[FloatArray]) -> dict[str, Any]:
    """A row without its call; `contrast` is what the call is made from, absent where there is an obstacle.

    `seat` is the framework's column in each run's log speeds of the case.
    """
    sides = [of_case[~np.isnan(of_case[:, seat]), seat] for of_case in runs]
    row: dict[str, Any] = {}
    for name, sample in zip(("a", "b"), sides, strict=True):
        row[f"replicates_{name}"] = sample.size
        row[f"samples_per_s_{name}"] = float(np.exp(sample.mean())) if sample.size else None
    row["reason"] = obstacle(*sides)
    if all(sample.size for sample in sides):
        row["speed_ratio"] = row["samples_per_s_b"] / row["samples_per_s_a"]
    if obstacle(*sides, fewest=2) is None:
        row["contrast"] = Contrast.of(*sides)
    leads = [_leads(of_case, seat) for of_case in runs]
    if obstacle(*leads, fewest=2) is None:
        row["relative"] = Contrast.of(*leads)
    return row


def _leads(of_case: FloatArray, seat: int) -> FloatArray:
    """Log speeds of a framework over the mean of all others', of the matches that all have finished."""
    whole = of_case[~np.isnan(of_case).any(axis=1)]
    leads: FloatArray = whole[:, seat] - np.delete(whole, seat, axis=1).mean(axis=1)
    return leads


def _called(rows: list[dict[str, Any]], rule: Rule) -> Iterator[dict[str, Any]]:
    """The rows of one family, with intervals, p-values and calls."""
    testable = [row["contrast"] for row in rows if row["reason"] is None]
    columns = {
        "p_value": [one.p_difference for one in testable],
        "p_equivalence": [one.p_equivalence(rule.margin) for one in testable],
    }
    columns["p_adjusted"] = list(holm(columns["p_value"]))
    columns["p_equivalence_adjusted"] = list(holm(columns["p_equivalence"]))
    if rule.slower_share is not None:
        columns["p_slower_adjusted"] = list(holm([one.p_slower(rule.slower_share) for one in testable]))
    tests = (dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True))
    for row in rows:
        contrast, relative = row.pop("contrast", None), row.pop("relative", None)
        yield {
            **row,
            "confidence": rule.confidence,
            "slower_share": rule.slower_share,
            "change": str(Change.INCONCLUSIVE),
            **_bounds("speed_ratio", contrast, rule),
            **_bounds("relative_ratio", relative, rule),
            **(_call(next(tests), contrast.difference, rule) if row["reason"] is None else {}),
        }


def _bounds(name: str, contrast: Contrast | None, rule: Rule) -> dict[str, float]:
    if contrast is None:
        return {}
    low, high = contrast.interval(rule.confidence)
    return {name: contrast.ratio, f"{name}_low": low, f"{name}_high": high}


def _call(tests: dict[str, float], difference: float, rule: Rule) -> dict[str, Any]:
    percent = f"{100 * rule.margin:g} %"
    p_adjusted, p_equivalence = tests["p_adjusted"], tests["p_equivalence_adjusted"]
    call: dict[str, Any] = dict(tests)
    if p_equivalence <= rule.alpha:
        call |= {"change": str(Change.EQUIVALENT), "reason": f"the speeds differ by less than {percent}"}
    elif p_adjusted <= rule.alpha:
        changed = Change.FASTER if difference > 0 else Change.SLOWER
        call |= {"change": str(changed), "reason": "the speeds differ"}
    else:
        call["reason"] = f"neither a difference nor equivalence within {percent} is shown"
    if rule.slower_share is not None:
        call["too_slow"] = tests["p_slower_adjusted"] <= rule.alpha / 2
    return call
