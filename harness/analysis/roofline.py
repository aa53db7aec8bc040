"""How much of what a device can do each framework used: frames in, one row a case and framework out.

The roofline model of Williams, Waterman and Patterson (2009): work that does `flop_per_byte` additions and
multiplications for each byte that it moves can do no more of them a second than the device's peak, and no
more than `flop_per_byte` times the bytes that the device moves a second. Both peaks are those that the run's
own workers found (`records.Peak`), the largest of all, and what a case does follows from its shapes.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator
from typing import Any, Final

import numpy as np
import pandas as pd

from harness.analysis.throughput import throughput
from harness.frameworks import registry
from harness.work.records import Phase
from harness.work.traffic import step_bytes
from harness.work.workload import Mode, Precision, Workload, widths

_CASE: Final = ["case_id", "device", "precision", "batch_size", "hidden", "train_samples"]

# Cases that share these have one peak of arithmetic, and these one of bytes: a step of all holds as much.
_SAME_PRODUCTS: Final = ["device", "precision"]
_SAME_COPIES: Final = ["device", "precision", "batch_size", "hidden"]

_NOT_ASKED: Final = "no worker was asked what the device can do"

_SPEEDS: Final = ("samples_per_s", "samples_per_s_low", "samples_per_s_high")
_RATES: Final = ("flop_per_s", "flop_per_s_low", "flop_per_s_high")
_SHARES: Final = ("share", "share_low", "share_high")
_DTYPES: Final[dict[Hashable, str]] = {
    "case_id": "str",
    "framework": "str",
    "replicates": "int32",
    "flop_per_byte": "float64",
    **dict.fromkeys(_RATES, "float64"),
    "peak_flop_per_s": "float64",
    "peak_bytes_per_s": "float64",
    "bound_flop_per_s": "float64",
    "bound_by": "object",
    "exceeded": "bool",
    **dict.fromkeys(_SHARES, "float64"),
    "reason": "object",
}


def roofline(trials: pd.DataFrame, asked: pd.DataFrame) -> pd.DataFrame:
    """The share of the roofline's bound that each framework reached in training.

    Args:
        trials: one row a trial, columns as in `store.schema.TRIALS`; several runs are taken as one.
        asked: those among which are all whose workers looked for a peak: compared ones and whole trainings.

    Returns:
        One row a case and framework that finished a trial; none of mode `article`, whose listings have shapes
        of their own, nor of several workers, of whom one alone looks for a peak. `flop_per_s` is what it did,
        products alone, with the interval of its replicates; `bound_flop_per_s` the smaller of the two bounds,
        and `bound_by` which that is: arithmetic or bytes.
        Where a framework did more than this, `exceeded` says so, and what the fastest did is the bound: the
        probe had found no peak. `share` is what was done of the bound; no share is above 1, so its interval
        ends there. Without a peak the bound and shares are null, with the `reason`.
    """
    own = trials[(trials["mode"] != Mode.ARTICLE) & (trials["workers"] == 1)]
    speeds = throughput(own.assign(run_id=""))
    speeds = speeds[speeds["phase"] == Phase.TRAIN]
    cases = own.drop_duplicates("case_id")[_CASE].to_dict("records")
    by_case = dict(iter(speeds.groupby("case_id")))
    rows = [
        row
        for case in cases
        if case["case_id"] in by_case
        for row in _of_case(case, by_case[case["case_id"]], asked)
    ]
    return pd.DataFrame(rows, columns=list(_DTYPES)).astype(_DTYPES)


def _of_case(
    case: dict[Hashable, Any], speeds: pd.DataFrame, asked: pd.DataFrame
) -> Iterator[dict[str, Any]]:
    work = Workload(
        batch_size=case["batch_size"],
        hidden=widths(case["hidden"]),
        precision=Precision(case["precision"]),
        train_samples=case["train_samples"],
    )
    flop_per_byte = work.step_flop / step_bytes(work)
    sample_flop = work.step_flop / work.batch_size
    peak_flop_per_s = _largest(asked, {name: case[name] for name in _SAME_PRODUCTS}, "peak_flop_per_s")
    peak_bytes_per_s = _largest(asked, {name: case[name] for name in _SAME_COPIES}, "peak_bytes_per_s")
    probed, bound_by = min((peak_flop_per_s, "arithmetic"), (peak_bytes_per_s * flop_per_byte, "bytes"))
    fastest = sample_flop * speeds["samples_per_s"].max()
    known = not math.isnan(peak_flop_per_s + peak_bytes_per_s)
    bound = max(probed, fastest) if known else math.nan
    shared = {
        "case_id": case["case_id"],
        "flop_per_byte": flop_per_byte,
        "peak_flop_per_s": peak_flop_per_s,
        "peak_bytes_per_s": peak_bytes_per_s,
        "bound_flop_per_s": bound,
        "bound_by": bound_by if known else None,
        "exceeded": known and fastest > probed,
        "reason": None if known else _why_unknown(asked, case["case_id"]),
    }
    by_name = {row["framework"]: row for row in speeds.to_dict("records")}
    for name in registry.in_order(by_name):
        yield shared | _of_framework(by_name[name], sample_flop, bound)


def _of_framework(speed: dict[Hashable, Any], sample_flop: float, bound: float) -> dict[str, Any]:
    ends = [sample_flop * speed[name] for name in _SPEEDS]
    shares = np.minimum(np.divide(ends, bound), 1.0)
    return {
        "framework": speed["framework"],
        "replicates": speed["replicates"],
        **dict(zip(_RATES, ends, strict=True)),
        **dict(zip(_SHARES, shares, strict=True)),
    }


def _largest(asked: pd.DataFrame, alike: dict[str, Any], column: str) -> float:
    """The largest that any worker found in cases with these values; NaN where none did."""
    found = asked.loc[(asked[list(alike)] == pd.Series(alike)).all(axis=1), column]
    return float(found.max())


def _why_unknown(asked: pd.DataFrame, case_id: str) -> str:
    said = asked.loc[asked["case_id"] == case_id, "peak_reason"].dropna().unique()
    return "; ".join(map(str, said)) or _NOT_ASKED
