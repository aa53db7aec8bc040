"""How long training takes until the test set is classified well enough: frames in, frames out.

Time to a quality target is what MLPerf Training measures (Mattson et al. 2020), because samples per second
can be bought with a worse model. How many samples that takes is seen in whole trainings, each from a seed of
its own, and how fast they are trained in the turns of the matches: the time is the one over the other, and
its interval holds the noise of both. Accuracy is seen only when an epoch ends, so a time is up to one epoch
late, and where all seeds arrived in the same epoch the interval holds the noise of the speed alone: another
seed may need another epoch, and nothing in such a sample says how often.
"""

from __future__ import annotations

from collections.abc import Hashable
from enum import StrEnum
from typing import Any, Final

import numpy as np
import pandas as pd

from harness.analysis.intervals import FloatArray, Interval, product_interval
from harness.analysis.of_trials import compared, pairs
from harness.analysis.throughput import log_speeds
from harness.work.records import Phase, Status

# Share of the test set classified rightly.
TARGET_ACCURACY: Final = 0.97

_MATCH: Final = ["case_id", "run_id", "match_id"]
_TRIAL: Final = [*_MATCH, "framework"]

_DTYPES: Final[dict[Hashable, str]] = {
    "case_id": "str",
    "framework": "str",
    "target": "float64",
    "seeds": "int32",
    "reached": "Int32",
    "epochs": "float64",
    "replicates": "int32",
    "seconds": "float64",
    "seconds_low": "float64",
    "seconds_high": "float64",
    "confidence": "float64",
    "outcome": "str",
    "reason": "str",
}
_RATIO_DTYPES: Final[dict[Hashable, str]] = {
    "case_id": "str",
    "first": "str",
    "second": "str",
    "target": "float64",
    "seeds": "int32",
    "replicates": "int32",
    "ratio": "float64",
    "ratio_low": "float64",
    "ratio_high": "float64",
    "confidence": "float64",
    "reason": "str",
}


class Outcome(StrEnum):
    """Of all seeds of a case and framework; of some it reads "reached in k of n"."""

    REACHED = "reached"
    NOT_REACHED = "not reached"


def time_to_accuracy(
    learned: pd.DataFrame,
    rounds: pd.DataFrame,
    trials: pd.DataFrame,
    *,
    target: float = TARGET_ACCURACY,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Training seconds until the test accuracy first was at least `target`.

    Args:
        learned: one row a whole training, columns as in `store.schema.TRIALS`.
        rounds: one row a round of theirs, columns as in `store.schema.ROUNDS`.
        trials: one row a trial whose speed was measured, columns as `learned`.
        target: share of the test set classified rightly, in (0, 1].
        confidence: of the intervals, in (0, 1).

    Returns:
        One row a case and framework, cases in order of appearance. `seeds` are the trainings that finished,
        `reached` those of them that got to the target, `epochs` the median epoch at which they did,
        `replicates` the trials that say how fast, and `seconds` the geometric mean with the interval of
        `intervals.product_interval`. Where only some seeds got there `seconds` is of those, a selected
        sample, so it has no interval. What could not be computed is null, with the `reason` beside it;
        `outcome` is null where a training was not evaluated. An interval of seeds that all got there in one
        epoch has a `reason` too.

    Raises:
        ValueError: target or confidence out of range.
    """
    arrivals = _arrivals(learned, rounds, target, confidence)
    speeds = log_speeds(trials, Phase.TRAIN)
    known = {*zip(trials["case_id"], trials["framework"], strict=True)}
    known |= {*zip(learned["case_id"], learned["framework"], strict=True)}
    rows = []
    for case_id in _case_ids(trials, learned):
        for framework in compared(trials if len(trials) else learned):
            if (case_id, framework) not in known:
                continue
            found = arrivals[(arrivals["case_id"] == case_id) & (arrivals["framework"] == framework)]
            row = {"case_id": case_id, "framework": framework, "target": target, "confidence": confidence}
            rows.append(row | _side(found, _of(speeds, case_id, framework), confidence))
    return pd.DataFrame(rows, columns=list(_DTYPES)).astype(_DTYPES)


def time_to_accuracy_ratio(
    learned: pd.DataFrame,
    rounds: pd.DataFrame,
    trials: pd.DataFrame,
    *,
    target: float = TARGET_ACCURACY,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """The second framework's seconds to `target` over the first's: epochs paired by seed, speeds by match.

    Above 1, the first is sooner. No verdict follows from it. Arguments and errors as in `time_to_accuracy`.

    Returns:
        One row a case and two frameworks, `first` and `second`, cases in order of appearance: `seeds` and
        `replicates` (pairs in which both finished), `ratio` (geometric mean) and its interval. Null, with the
        `reason` beside it, unless every training of both got there: the seconds of those that did are a
        selected sample.
    """
    arrivals = _arrivals(learned, rounds, target, confidence)
    speeds = log_speeds(trials, Phase.TRAIN)
    rows = []
    for case_id in _case_ids(trials, learned):
        for pair in pairs(compared(trials if len(trials) else learned)):
            found = arrivals[arrivals["case_id"].eq(case_id) & arrivals["framework"].isin(pair)]
            sides = dict(zip(("first", "second"), pair, strict=True))
            row = {"case_id": case_id, **sides, "target": target, "confidence": confidence}
            rows.append(row | _paired(found, [_of(speeds, case_id, name) for name in pair], pair, confidence))
    return pd.DataFrame(rows, columns=list(_RATIO_DTYPES)).astype(_RATIO_DTYPES)


def _case_ids(*frames: pd.DataFrame) -> list[str]:
    return list(dict.fromkeys(case_id for frame in frames for case_id in frame["case_id"]))


def _of(speeds: pd.DataFrame, case_id: str, framework: str) -> pd.Series:
    """Logarithms of a framework's samples per second, one a match of the case that it finished."""
    if framework not in speeds.columns:
        return pd.Series(dtype="float64")
    return speeds.loc[speeds.index.get_level_values("case_id") == case_id, framework].dropna()


def _arrivals(learned: pd.DataFrame, rounds: pd.DataFrame, target: float, confidence: float) -> pd.DataFrame:
    """One row a finished training: was it `evaluated`, its `epoch` of arrival and `log_samples` until then.

    Both are null for one that did not get there.
    """
    if not (0 < target <= 1 and 0 < confidence < 1):
        raise ValueError(
            f"target {target} is not above 0 and at most 1, or confidence {confidence} not between 0 and 1"
        )
    finished = learned.loc[learned["status"] == Status.OK, [*_TRIAL, "train_samples"]]
    seen = rounds[(rounds["phase"] == Phase.EVALUATE) & rounds["accuracy"].notna()].sort_values("epoch")
    evaluated = seen[_TRIAL].drop_duplicates().assign(evaluated=1.0)
    arrived = seen[seen["accuracy"] >= target].drop_duplicates(_TRIAL)[[*_TRIAL, "epoch"]]
    arrivals = finished.merge(evaluated, how="left").merge(arrived, how="left")
    samples = (arrivals["epoch"] * arrivals["train_samples"]).astype("float64")
    return arrivals.assign(evaluated=arrivals["evaluated"].notna(), log_samples=np.log(samples))


def _side(arrivals: pd.DataFrame, speeds: pd.Series, confidence: float) -> dict[str, Any]:
    """What one framework's trainings and trials of a case say together."""
    arrived = arrivals[arrivals["epoch"].notna()]
    reached, seeds = len(arrived), len(arrivals)
    row: dict[str, Any] = {"seeds": seeds, "replicates": len(speeds)}
    if seeds == 0:
        return row | {"reason": "no training finished"}
    if not arrivals["evaluated"].all():
        return row | {"reason": f"{(~arrivals['evaluated']).sum()} of {seeds} trainings were not evaluated"}
    row |= {"reached": reached, "outcome": _outcome(reached, seeds)}
    if reached == 0:
        return row
    row["epochs"] = arrived["epoch"].median()
    if speeds.empty:
        return row | {"reason": "its speed was not measured"}
    interval = _interval(arrived["log_samples"], -speeds, confidence)
    if reached < seeds:
        return row | {
            "seconds": interval.estimate,
            "reason": f"{_outcome(reached, seeds)}: those that did are a selected sample",
        }
    return row | {
        "seconds": interval.estimate,
        "seconds_low": interval.low,
        "seconds_high": interval.high,
        "reason": _no_interval(interval, seeds) or _same_epoch(arrived["epoch"]),
    }


def _paired(
    arrivals: pd.DataFrame, speeds: list[pd.Series], pair: tuple[str, str], confidence: float
) -> dict[str, Any]:
    """The ratio over the trainings and matches of one case, or why there is none."""
    of = {name: arrivals[arrivals["framework"] == name].set_index(_MATCH)["log_samples"] for name in pair}
    trained = pd.concat(of, axis="columns", join="inner")
    raced = pd.DataFrame(dict(zip(pair, speeds, strict=True))).dropna()
    row: dict[str, Any] = {"seeds": len(trained), "replicates": len(raced)}
    if trained.empty:
        return row | {"reason": "no training of both finished"}
    if arrivals["epoch"].isna().any():
        return row | {"reason": "not every seed of both is known to have reached the target"}
    if raced.empty:
        return row | {"reason": "no match of both finished"}
    one, other = pair
    interval = _interval(trained[other] - trained[one], raced[one] - raced[other], confidence)
    return row | {
        "ratio": interval.estimate,
        "ratio_low": interval.low,
        "ratio_high": interval.high,
        "reason": _no_interval(interval, len(trained)),
    }


def _interval(log_samples: pd.Series, log_sample_s: pd.Series, confidence: float) -> Interval:
    samples: FloatArray = log_samples.to_numpy(dtype=np.float64)
    seconds: FloatArray = log_sample_s.to_numpy(dtype=np.float64)
    return product_interval(samples, seconds, confidence)


def _outcome(reached: int, seeds: int) -> str:
    if reached == 0:
        return Outcome.NOT_REACHED
    return Outcome.REACHED if reached == seeds else f"reached in {reached} of {seeds}"


def _no_interval(interval: Interval, seeds: int) -> str | None:
    """Why an interval has no bounds; None where it has."""
    if interval.low is not None:
        return None
    if interval.replicates == 1:
        return f"one {'seed' if seeds == 1 else 'replicate'} has no spread, so there is no interval"
    return "all replicates took the same time, so their noise cannot be judged"


def _same_epoch(epochs: pd.Series) -> str | None:
    """What an interval does not hold if all seeds arrived together; None where they did not."""
    if epochs.min() < epochs.max():
        return None
    return f"all arrived in epoch {epochs.iloc[0]:g}: the interval holds the speed's noise, not the seeds'"
