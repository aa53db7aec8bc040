"""Epochs and accuracies in, one row a listing out: how closely the harness plays it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pandas as pd

from harness.analysis.intervals import Interval, ratio_interval
from harness.analysis.match import typical_effects
from harness.work.workload import FULL_TRAIN_SAMPLES

# The harness may be at most so much slower or faster than the plain program.
MARGIN: Final = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class Fidelity:
    """The harness's speed over the plain program's, and both accuracies: means and deviations over seeds."""

    framework: str
    plain_samples_per_s: float
    speed: Interval
    plain_accuracy: float
    plain_sd: float
    harness_accuracy: float
    harness_sd: float

    @property
    def faithful(self) -> bool:
        """Whether the whole interval of the speed is within the margin."""
        low, high = self.speed.low, self.speed.high
        return low is not None and high is not None and low >= 1 / (1 + MARGIN) and high <= 1 + MARGIN


def fidelities(epochs: pd.DataFrame, learned: pd.DataFrame) -> list[Fidelity]:
    """Judge each listing; frames with the columns of `replicate.Epoch` and `replicate.Learned`.

    The first epoch is left out: there Keras traces and compiles, which the harness does before it.
    """
    return [
        _fidelity(str(framework), taken[taken["epoch"] > 1], learned[learned["framework"] == framework])
        for framework, taken in epochs.groupby("framework", sort=False)
    ]


def _fidelity(framework: str, epochs: pd.DataFrame, learned: pd.DataFrame) -> Fidelity:
    effects = [typical_effects(one[["harness_s", "plain_s"]]) for _, one in epochs.groupby("seed")]
    return Fidelity(
        framework=framework,
        plain_samples_per_s=float(FULL_TRAIN_SAMPLES / epochs["plain_s"].median()),
        speed=ratio_interval([harness - plain for harness, plain in effects]),
        plain_accuracy=float(learned["plain_accuracy"].mean()),
        plain_sd=float(learned["plain_accuracy"].std()),
        harness_accuracy=float(learned["harness_accuracy"].mean()),
        harness_sd=float(learned["harness_accuracy"].std()),
    )
