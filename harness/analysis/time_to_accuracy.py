"""How long training takes until the test set is classified well enough: frames in, frames out.

Time to a quality target is what MLPerf Training measures (Mattson et al. 2020), because samples per second
can be bought with a worse model. The clock is that of the training rounds: evaluation, start-up and the
others' turns stand off it. Accuracy is seen only when an epoch ends, so a time is up to one epoch
late, and where all replicates arrived in the same epoch the interval holds the noise of the clock alone:
another seed may need another epoch, and nothing in such a sample says how often.
"""

from __future__ import annotations

from collections.abc import Hashable
from enum import StrEnum
from typing import Any, Final

import numpy as np
import pandas as pd

from harness.analysis.of_trials import pair_of
from harness.analysis.statistics import Interval, ratio_interval
from harness.work.records import Phase, Status

# Share of the test set classified rightly.
TARGET_ACCURACY: Final = 0.97

_MATCH: Final = ["case_id", "run_id", "match_id"]
_TRIAL: Final = [*_MATCH, "framework"]

# Files of schema 1 hold the accuracy of each epoch but not the training time until then.
_NO_CLOCK: Final = "the training time at an evaluation was not measured"

_DTYPES: Final[dict[Hashable, str]] = {
    "case_id": "str",
    "framework": "str",
    "target": "float64",
    "replicates": "int32",
    "reached": "Int32",
    "seconds": "float64",
    "seconds_low": "float64",
    "seconds_high": "float64",
    "confidence": "float64",
    "epochs": "float64",
    "outcome": "str",
    "reason": "str",
}
_RATIO_DTYPES: Final[dict[Hashable, str]] = {
    "case_id": "str",
    "target": "float64",
    "replicates": "int32",
    "ratio": "float64",
    "ratio_low": "float64",
    "ratio_high": "float64",
    "confidence": "float64",
    "reason": "str",
}


class Outcome(StrEnum):
    """Of all replicates of a case and framework; of some it reads "reached in k of n"."""

    REACHED = "reached"
    NOT_REACHED = "not reached"


def time_to_accuracy(
    trials: pd.DataFrame, rounds: pd.DataFrame, *, target: float = TARGET_ACCURACY, confidence: float = 0.95
) -> pd.DataFrame:
    """Training seconds until the test accuracy first was at least `target`.

    Args:
        trials: one row a trial, columns as in `store.schema.TRIALS`.
        rounds: one row a timed round, columns as in `store.schema.ROUNDS`. Rounds of the warm-up count:
            they trained too.
        target: share of the test set classified rightly, in (0, 1].
        confidence: of the intervals, in (0, 1).

    Returns:
        One row a case and framework, cases in order of appearance. `replicates` are the trials that
        finished, `reached` those of them that got to the target, `seconds` their geometric mean with
        Student's t-interval on the log scale, `epochs` the median epoch at which they got there. Where
        only some got there `seconds` is of those, a selected sample, so it has no interval. What could
        not be computed is null, with the `reason` beside it; `outcome` is null where a finished trial was
        not evaluated. An interval of replicates that all got there in one epoch has a `reason` too.

    Raises:
        ValueError: target or confidence out of range.
    """
    arrivals = _arrivals(trials, rounds, target, confidence)
    by_side = dict(iter(arrivals.groupby(["case_id", "framework"])))
    known = set(zip(trials["case_id"], trials["framework"], strict=True))
    pair = pair_of(trials)
    rows = []
    for case_id in trials["case_id"].drop_duplicates():
        for framework in pair:
            if (case_id, framework) in known:
                found = by_side.get((case_id, framework), arrivals.iloc[:0])
                row = {"case_id": case_id, "framework": framework, "target": target, "confidence": confidence}
                rows.append(row | _side(found, confidence))
    return pd.DataFrame(rows, columns=list(_DTYPES)).astype(_DTYPES)


def time_to_accuracy_ratio(
    trials: pd.DataFrame, rounds: pd.DataFrame, *, target: float = TARGET_ACCURACY, confidence: float = 0.95
) -> pd.DataFrame:
    """The second framework's seconds to `target` over the first's, paired by replicate.

    Above 1, the first is sooner.
    Which is the first is told by `of_trials.pair_of`. No verdict follows from it. Arguments and errors as in
    `time_to_accuracy`.

    Returns:
        One row a case, in order of appearance: `replicates` (matches in which both finished), `ratio`
        (geometric mean) and its interval. Null, with the `reason` beside it, unless every finished trial
        of both got there: the seconds of those that did are a selected sample.
    """
    arrivals = _arrivals(trials, rounds, target, confidence)
    pair = pair_of(trials)
    rows = []
    for case_id in trials["case_id"].drop_duplicates():
        found = arrivals[arrivals["case_id"] == case_id]
        row = {"case_id": case_id, "target": target, "confidence": confidence}
        rows.append(row | _paired(found, pair, confidence))
    return pd.DataFrame(rows, columns=list(_RATIO_DTYPES)).astype(_RATIO_DTYPES)


def _arrivals(trials: pd.DataFrame, rounds: pd.DataFrame, target: float, confidence: float) -> pd.DataFrame:
    """One row a finished trial: was it `evaluated`, and the `epoch` and `trained_s` at which it arrived.

    `epoch` is null for a trial that did not get there, `trained_s` also where the file does not say.
    """
    if not (0 < target <= 1 and 0 < confidence < 1):
        raise ValueError(
            f"target {target} is not above 0 and at most 1, or confidence {confidence} not between 0 and 1"
        )
    finished = trials.loc[trials["status"] == Status.OK, _TRIAL]
    seen = rounds[(rounds["phase"] == Phase.EVALUATE) & rounds["accuracy"].notna()].sort_values("epoch")
    evaluated = seen[_TRIAL].drop_duplicates().assign(evaluated=1.0)
    arrived = seen[seen["accuracy"] >= target].drop_duplicates(_TRIAL)[[*_TRIAL, "epoch", "trained_s"]]
    arrivals = finished.merge(evaluated, how="left").merge(arrived, how="left")
    return arrivals.assign(evaluated=arrivals["evaluated"].notna())


def _side(arrivals: pd.DataFrame, confidence: float) -> dict[str, Any]:
    """What one framework's finished trials of a case say together."""
    arrived = arrivals[arrivals["epoch"].notna()]
    reached, replicates = len(arrived), len(arrivals)
    row: dict[str, Any] = {"replicates": replicates}
    if replicates == 0:
        return row | {"reason": "no trial finished"}
    if not arrivals["evaluated"].all():
        return row | {"reason": f"{(~arrivals['evaluated']).sum()} of {replicates} trials were not evaluated"}
    row |= {"reached": reached, "outcome": _outcome(reached, replicates)}
    if reached == 0:
        return row
    row["epochs"] = arrived["epoch"].median()
    if arrived["trained_s"].isna().any():
        return row | {"reason": _NO_CLOCK}
    interval = _interval(arrived["trained_s"], confidence)
    if reached < replicates:
        return row | {
            "seconds": interval.estimate,
            "reason": f"{_outcome(reached, replicates)}: those that did are a selected sample",
        }
    return row | {
        "seconds": interval.estimate,
        "seconds_low": interval.low,
        "seconds_high": interval.high,
        "reason": _no_interval(interval) or _same_epoch(arrived["epoch"]),
    }


def _paired(arrivals: pd.DataFrame, pair: tuple[str, str], confidence: float) -> dict[str, Any]:
    """The ratio over the matches of one case, or why there is none."""
    one, other = pair
    trained_s = {
        framework: arrivals[arrivals["framework"] == framework].set_index(_MATCH)["trained_s"]
        for framework in pair
    }
    pairs = pd.concat(trained_s, axis="columns", join="inner")
    row: dict[str, Any] = {"replicates": len(pairs)}
    if pairs.empty:
        return row | {"reason": "no match finished"}
    if arrivals["epoch"].isna().any():
        return row | {"reason": "not every replicate of both is known to have reached the target"}
    if pairs.isna().any(axis=None):
        return row | {"reason": _NO_CLOCK}
    interval = _interval(pairs[other] / pairs[one], confidence)
    return row | {
        "ratio": interval.estimate,
        "ratio_low": interval.low,
        "ratio_high": interval.high,
        "reason": _no_interval(interval),
    }


def _interval(values: pd.Series, confidence: float) -> Interval:
    """Geometric mean and interval; for seconds, which are ratios to one second, as for ratios."""
    return ratio_interval(np.log(values.to_numpy(dtype=np.float64)), confidence)


def _outcome(reached: int, replicates: int) -> str:
    if reached == 0:
        return Outcome.NOT_REACHED
    return Outcome.REACHED if reached == replicates else f"reached in {reached} of {replicates}"


def _no_interval(interval: Interval) -> str | None:
    """Why an interval has no bounds; None where it has."""
    if interval.low is not None:
        return None
    if interval.replicates == 1:
        return "one replicate has no spread, so there is no interval"
    return "all replicates took the same time, so their noise cannot be judged"


def _same_epoch(epochs: pd.Series) -> str | None:
    """What an interval does not hold if all replicates arrived together; None where they did not."""
    if epochs.min() < epochs.max():
        return None
    return f"all arrived in epoch {epochs.iloc[0]:g}: the interval holds the clock's noise, not the seeds'"
