"""Candidate estimators of a match's effects, vectorised over matches.

Each takes (..., turns, contenders) log-times and gives (..., contenders) effects, centred on 0: how much
longer than the match's mean a contender takes, as a logarithm. Differences of effects close around every
triangle whatever they are computed from. All are, for two contenders, an estimator of the turns'
log-ratios: the median but for means, Hodges-Lehmann, Huber and Tukey.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from harness.analysis.intervals import FloatArray
from studies.candidates import hodges_lehmann, median

SWEEPS = 30

# Tuning constants for 95 % efficiency under normal noise.
HUBER = 1.345
TUKEY = 4.685

# A residual that cannot be told from 0, in units of its scale; keeps weights finite.
TINY = 1e-6


def means(log_times: FloatArray) -> FloatArray:
    return _centred(log_times.mean(axis=-2))


def means_of_pairwise_medians(log_times: FloatArray) -> FloatArray:
    """Row means of the matrix of median log-ratios of every two: least squares on that matrix."""
    return _row_means(log_times, median)


def means_of_pairwise_hodges_lehmann(log_times: FloatArray) -> FloatArray:
    return _row_means(log_times, hodges_lehmann)


def medians_over_mean(log_times: FloatArray) -> FloatArray:
    """Median over turns of what is above the turn's mean."""
    return _centred(np.median(log_times - log_times.mean(axis=-1, keepdims=True), axis=-2))


def medians_over_median(log_times: FloatArray) -> FloatArray:
    """Median over turns of what is above the turn's median: half a step of median polish."""
    return _centred(np.median(log_times - np.median(log_times, axis=-1, keepdims=True), axis=-2))


def median_polish(log_times: FloatArray) -> FloatArray:
    """Medians of turns and of contenders taken out in turn (Tukey 1977), thirty times."""
    effects = np.zeros((*log_times.shape[:-2], 1, log_times.shape[-1]))
    for _ in range(SWEEPS):
        turns = np.median(log_times - effects, axis=-1, keepdims=True)
        effects = np.median(log_times - turns, axis=-2, keepdims=True)
    return _centred(effects[..., 0, :])


def least_absolute_deviations(log_times: FloatArray) -> FloatArray:
    """The two-way layout of least absolute residuals, by reweighting: near it, not exact."""
    return _reweighted(log_times, lambda scaled: 1 / np.maximum(scaled, 1e-3), sweeps=3 * SWEEPS)


def huber(log_times: FloatArray) -> FloatArray:
    """The two-way M-estimator of Huber (1964), scale from the residuals of the pairwise medians."""
    return _reweighted(log_times, lambda scaled: np.minimum(1, HUBER / np.maximum(scaled, TINY)))


def tukey(log_times: FloatArray) -> FloatArray:
    """The same with Tukey's bisquare, which leaves far residuals out altogether."""
    return _reweighted(log_times, lambda scaled: np.maximum(1 - (scaled / TUKEY) ** 2, 0) ** 2 + TINY)


def _row_means(log_times: FloatArray, location: Callable[[FloatArray], FloatArray]) -> FloatArray:
    contenders = log_times.shape[-1]
    totals = np.zeros((*log_times.shape[:-2], contenders))
    for one in range(contenders):
        for other in range(one):
            longer = location(log_times[..., one] - log_times[..., other])
            totals[..., one] += longer
            totals[..., other] -= longer
    return totals / contenders


def _reweighted(
    log_times: FloatArray, weigh: Callable[[FloatArray], FloatArray], sweeps: int = SWEEPS
) -> FloatArray:
    """Weighted least squares of turns and contenders, again and again, from the pairwise medians on."""
    started = means_of_pairwise_medians(log_times)[..., None, :]
    residuals = log_times - started
    scale = 1.4826 * np.median(
        np.abs(residuals - np.median(residuals, axis=-1, keepdims=True)), axis=(-2, -1)
    )
    # Matches last: NumPy adds up long axes many times as fast as short ones.
    cells, effects = np.moveaxis(log_times, (-2, -1), (0, 1)), np.moveaxis(started, (-2, -1), (0, 1))
    cells, effects = np.ascontiguousarray(cells), np.ascontiguousarray(effects)
    turns = np.median(cells - effects, axis=1, keepdims=True)
    for _ in range(sweeps):
        weights = weigh(np.abs(cells - effects - turns) / scale)
        turns = (weights * (cells - effects)).sum(axis=1, keepdims=True) / weights.sum(axis=1, keepdims=True)
        effects = (weights * (cells - turns)).sum(axis=0, keepdims=True) / weights.sum(axis=0, keepdims=True)
    return _centred(np.moveaxis(effects[0], 0, -1))


def _centred(effects: FloatArray) -> FloatArray:
    return np.asarray(effects - effects.mean(axis=-1, keepdims=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimator:
    name: str
    effects: Callable[[FloatArray], FloatArray]


CHOSEN = Estimator(name="means of pairwise medians", effects=means_of_pairwise_medians)

ESTIMATORS = (
    Estimator(name="means", effects=means),
    Estimator(name="medians over the turn's mean", effects=medians_over_mean),
    Estimator(name="medians over the turn's median", effects=medians_over_median),
    Estimator(name="median polish", effects=median_polish),
    Estimator(name="least absolute deviations", effects=least_absolute_deviations),
    Estimator(name="Huber's M", effects=huber),
    Estimator(name="Tukey's M", effects=tukey),
    Estimator(name="means of pairwise Hodges-Lehmann", effects=means_of_pairwise_hodges_lehmann),
    CHOSEN,
)
