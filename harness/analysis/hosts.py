"""The hosts of some runs: what each found by itself, and by a rule fixed beforehand whether it is off.

A host is off where its own control, one framework against itself, is surely further from 1 than the margin
that verdicts use, or where its calibration called equals different surely more often than a verdict may err.
What a host is off by is in its comparisons, too. The rule looks at none of these, so to leave such hosts out
favours no framework.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import fields, replace
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy.special import stdtr

from harness.analysis.blocks import FloatArray
from harness.analysis.calibration import false_alarms
from harness.analysis.effects import effects, ratios
from harness.analysis.intervals import SMALLEST_SPREAD, ratio_interval
from harness.analysis.kinds import hosts, parts
from harness.analysis.of_trials import compared, pairs
from harness.analysis.statistics import MIN_REPLICATES, holm
from harness.store.frames import Frames
from harness.work.records import Phase

# What a verdict may err by, and a host's control with all hosts' taken together.
_ALPHA: Final = 0.05

_PLACE: Final = ["hostname", "cpu_model", "cpu_usable"]

_DTYPES: Final[dict[Hashable, str]] = {
    "kind": "str",
    "host": "str",
    "run_ids": "object",
    "controls": "int32",
    "control_ratio": "float64",
    "control_low": "float64",
    "control_high": "float64",
    "p_off": "float64",
    "p_off_adjusted": "float64",
    "tries": "int32",
    "wrong": "int32",
    "wrong_low": "float64",
    "wrong_high": "float64",
    "off": "bool",
    "reason": "str",
}

_RATIO_DTYPES: Final[dict[Hashable, str]] = {
    "case_id": "str",
    "speed_of": "str",
    "speed_over": "str",
    "host": "str",
    "replicates": "int32",
    "ratio": "float64",
    "ratio_low": "float64",
    "ratio_high": "float64",
}


def states(frames: Frames, *, margin: float = 0.03) -> pd.DataFrame:
    """Whether each host is off, and by what that is known.

    Args:
        frames: of any number of runs, told apart by kind (`kinds.apart`) where there are several.
        margin: smallest relative difference worth calling.

    Returns:
        One row a host and kind, in order of appearance: its runs (`run_ids`), how many `controls` it has and
        their ratio with its interval of 95 %; `p_off` for "it is within the margin of 1", adjusted over all
        hosts of the frames by Holm's method; of its calibration the `tries` in which nothing differed, how
        many were called different (`wrong`) and the interval of that share. `off`, and as `reason` why, or
        what could not be judged.
    """
    rows = [row for of_kind in parts(frames) for row in _states(of_kind, margin)]
    adjusted = iter(holm([row["p_off"] for row in rows if row["p_off"] is not None]))
    for row in rows:
        row["p_off_adjusted"] = None if row["p_off"] is None else float(next(adjusted))
        row["off"], row["reason"] = _called(row, margin)
    return pd.DataFrame(rows, columns=list(_DTYPES)).astype(_DTYPES)


def found_by(frames: Frames) -> pd.DataFrame:
    """The ratio of every two frameworks that each host found in training, as if there were no other.

    Returns:
        One row a case, two frameworks and host: how many `replicates`, the `ratio` and its interval of 95 %.
    """
    rows: list[dict[str, Any]] = []
    measured, where = effects(frames.trials, frames.rounds), hosts(frames)
    told = [
        _training(ratios(measured, "framework", *pair)).assign(speed_of=pair[0], speed_over=pair[1])
        for pair in pairs(compared(frames.trials, frames.certificates))
    ]
    found = pd.concat(told)
    found = found[np.isfinite(found["log_ratio"])]
    found = found.assign(host=found["run_id"].map(where))
    groups = found.groupby(["case_id", "speed_of", "speed_over", "host"], sort=False)
    for (case_id, one, other, host), of_host in groups:
        interval = ratio_interval(of_host["log_ratio"])
        rows.append(
            {
                "case_id": case_id,
                "speed_of": one,
                "speed_over": other,
                "host": host,
                "replicates": interval.replicates,
                "ratio": interval.estimate,
                "ratio_low": interval.low,
                "ratio_high": interval.high,
            }
        )
    return pd.DataFrame(rows, columns=list(_RATIO_DTYPES)).astype(_RATIO_DTYPES)


def without(frames: Frames, left_out: pd.DataFrame) -> Frames:
    """The frames without the runs of these hosts, rows of `states`.

    `frames` are as they were read: kinds are told apart of what is left.
    """
    gone = {run_id for run_ids in left_out["run_ids"] for run_id in run_ids}
    kept = set(frames.runs["run_id"]) - gone
    runs = frames.runs[frames.runs["run_id"].isin(kept)]
    proofs = {name for held in runs["certificate_ids"] if held is not None for name in held}
    told = {
        one.name: table[table["run_id"].isin(kept)]
        for one in fields(frames)
        if {"run_id", "case_id"} <= set(table := getattr(frames, one.name))
    }
    certificates = frames.certificates[frames.certificates["certificate_id"].isin(proofs)]
    return replace(frames, **told, runs=runs, certificates=certificates, left_out=left_out)


def _states(of_kind: Frames, margin: float) -> Iterator[dict[str, Any]]:
    """What is known of each host of a kind, without what follows from it."""
    where = hosts(of_kind)
    found = _training(ratios(effects(of_kind.controls, of_kind.control_rounds), "seat", 0, 1))
    samples = dict(list(found.groupby(found["run_id"].map(where))["log_ratio"]))
    for host in dict.fromkeys(where.values()):
        run_ids = [run_id for run_id, name in where.items() if name == host]
        sample: FloatArray = samples.get(host, pd.Series()).dropna().to_numpy(dtype=np.float64)
        yield _state(of_kind, host, run_ids, sample, margin)


def _state(
    of_kind: Frames, host: str, run_ids: list[str], sample: FloatArray, margin: float
) -> dict[str, Any]:
    """One of them, whose controls found these log-ratios."""
    interval = ratio_interval(sample) if sample.size else None
    return {
        "kind": of_kind.kinds["name"].iloc[0] if len(of_kind.kinds) else "",
        "host": host,
        "run_ids": run_ids,
        "controls": sample.size,
        "control_ratio": interval.estimate if interval else None,
        "control_low": interval.low if interval else None,
        "control_high": interval.high if interval else None,
        "p_off": _p_off(sample, margin),
        **_calibrated(of_kind, run_ids),
    }


def _p_off(sample: FloatArray, margin: float) -> float | None:
    """p-value of "the ratio is within the margin of 1", below 5 % where the interval of 95 % lies beyond."""
    if sample.size < MIN_REPLICATES or float(np.ptp(sample)) <= SMALLEST_SPREAD:
        return None
    error = float(sample.std(ddof=1)) / math.sqrt(sample.size)
    beyond = abs(float(sample.mean())) - math.log1p(margin)
    return min(1.0, 2 * float(stdtr(sample.size - 1, -beyond / error)))


def _calibrated(of_kind: Frames, run_ids: list[str]) -> dict[str, Any]:
    """What calibrations found on the host of these runs, of all cases and lengths of a try the surest."""
    where = of_kind.runs.loc[of_kind.runs["run_id"].isin(run_ids), _PLACE].drop_duplicates()
    same = false_alarms(of_kind.calibrations.merge(where, on=_PLACE), ["case_id", "try_s"])
    if same.empty:
        return {"tries": 0, "wrong": 0}
    surest = same.sort_values(["wrong_share_low", "tries"]).iloc[-1]
    return {
        "tries": surest["tries"],
        "wrong": surest["wrong"],
        "wrong_low": surest["wrong_share_low"],
        "wrong_high": surest["wrong_share_high"],
    }


def _called(row: Mapping[str, Any], margin: float) -> tuple[bool, str]:
    """Whether a host is off, and why, or how much of that could be judged."""
    off = []
    if row["p_off_adjusted"] is not None and row["p_off_adjusted"] <= _ALPHA:
        off.append(f"its control is more than {100 * margin:g} % from 1")
    if row.get("wrong_low") is not None and row["wrong_low"] > _ALPHA:
        off.append(f"its calibration called equals different more often than {100 * _ALPHA:g} %")
    if off:
        return True, " and ".join(off)
    lacking = []
    if row["p_off"] is None:
        lacking.append(f"{row['controls']} controls, where {MIN_REPLICATES} are needed to judge")
    if not row["tries"]:
        lacking.append("not calibrated")
    return False, "; ".join(lacking)


def _training(found: pd.DataFrame) -> pd.DataFrame:
    return found[found["phase"] == Phase.TRAIN]
