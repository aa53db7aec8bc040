"""How fast each framework was by itself: frames in, one row a case, phase and framework out."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Final

import numpy as np
import pandas as pd

from harness.analysis.intervals import FloatArray, ratio_interval
from harness.work.records import Phase, Status

SPEED: Final = {Phase.TRAIN: "train_samples_per_s", Phase.EVALUATE: "eval_samples_per_s"}

_DTYPES: Final[dict[Hashable, str]] = {
    "case_id": "str",
    "phase": "str",
    "framework": "str",
    "run_id": "str",
    "replicates": "int32",
    "samples_per_s": "float64",
    "samples_per_s_low": "float64",
    "samples_per_s_high": "float64",
}


def log_speeds(trials: pd.DataFrame, phase: Phase) -> pd.DataFrame:
    """Logarithms of the median speeds of finished trials: a row a match, a column a framework.

    `trials` has the columns of `store.schema.TRIALS`; the index is `case_id`, `run_id` and `match_id`. What a
    trial did not measure is null.
    """
    ok = trials[(trials["status"] == Status.OK) & (trials[SPEED[phase]] > 0)]
    logs = ok.assign(log_speed=np.log(ok[SPEED[phase]]))
    return logs.pivot_table(index=["case_id", "run_id", "match_id"], columns="framework", values="log_speed")


def throughput(trials: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """Samples per second of each framework in each case and run: the geometric mean of its replicates.

    The interval is that of `intervals.ratio_interval`, on the logarithm; null where it cannot be told.
    """
    rows: list[dict[str, Any]] = []
    for phase in Phase:
        speeds = log_speeds(trials, phase).melt(ignore_index=False, value_name="log_speed").dropna()
        groups = speeds.reset_index().groupby(["case_id", "run_id", "framework"], sort=False)
        for (case_id, run_id, framework), group in groups:
            values: FloatArray = group["log_speed"].to_numpy(dtype=np.float64)
            interval = ratio_interval(values, confidence)
            rows.append(
                {
                    "case_id": case_id,
                    "phase": str(phase),
                    "framework": framework,
                    "run_id": run_id,
                    "replicates": interval.replicates,
                    "samples_per_s": interval.estimate,
                    "samples_per_s_low": interval.low,
                    "samples_per_s_high": interval.high,
                }
            )
    return pd.DataFrame(rows, columns=list(_DTYPES)).astype(_DTYPES)
