"""Candidate intervals of the log-ratio, vectorised over simulations.

Each takes (simulations, replicates, rounds) paired log-ratios and gives (low, high), an array of
length simulations each. A candidate is a location over rounds followed by an interval over replicates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import stats

from harness.analysis.intervals import FloatArray

CONFIDENCE = 0.95
TAIL = (1 + CONFIDENCE) / 2
RESAMPLES = 1000
CALIBRATION_SAMPLES = 400_000

Bounds = tuple[FloatArray, FloatArray]


def mean(values: FloatArray) -> FloatArray:
    return np.asarray(values.mean(axis=-1))


def median(values: FloatArray) -> FloatArray:
    return np.asarray(np.median(values, axis=-1))


def trimmed_mean(values: FloatArray) -> FloatArray:
    """Mean without the lowest and highest quarter."""
    return np.asarray(stats.trim_mean(values, 0.25, axis=-1))


def hodges_lehmann(values: FloatArray) -> FloatArray:
    """Median of all pairwise means (Hodges & Lehmann 1963)."""
    first, second = np.triu_indices(values.shape[-1])
    return np.asarray(np.median((values[..., first] + values[..., second]) / 2, axis=-1))


def pseudo_median(values: FloatArray) -> FloatArray:
    """Hodges-Lehmann of a very large sample, from twenty pairings instead of all."""
    return np.asarray(np.median([(values + np.roll(values, lag)) / 2 for lag in range(1, 21)]))


def student(sample: FloatArray) -> Bounds:
    """Student's t-interval of the mean."""
    replicates = sample.shape[-1]
    centre = sample.mean(axis=-1)
    reach = stats.t.ppf(TAIL, replicates - 1) * sample.std(axis=-1, ddof=1) / np.sqrt(replicates)
    return centre - reach, centre + reach


def johnson(sample: FloatArray) -> Bounds:
    """t-interval shifted for skewness (Johnson 1978)."""
    replicates = sample.shape[-1]
    low, high = student(sample)
    deviations = sample - sample.mean(axis=-1, keepdims=True)
    third_moment = (deviations**3).mean(axis=-1)
    shift = third_moment / (6 * np.maximum(sample.var(axis=-1, ddof=1), 1e-300) * replicates)
    return low + shift, high + shift


def yuen(sample: FloatArray) -> Bounds:
    """t-interval of the 20 % trimmed mean, spread from the winsorised sample (after Yuen 1974)."""
    replicates = sample.shape[-1]
    cut = int(0.2 * replicates)
    kept = replicates - 2 * cut
    ordered = np.sort(sample, axis=-1)
    centre = ordered[..., cut : replicates - cut].mean(axis=-1)
    winsorised = np.clip(ordered, ordered[..., [cut]], ordered[..., [replicates - 1 - cut]])
    spread = winsorised.std(axis=-1, ddof=1) * np.sqrt((replicates - 1) / (kept * (kept - 1)))
    reach = stats.t.ppf(TAIL, kept - 1) * spread
    return centre - reach, centre + reach


def signed_rank(sample: FloatArray) -> Bounds:
    """Walsh averages between which Wilcoxon's test keeps the centre; all of them when too few."""
    replicates = sample.shape[-1]
    first, second = np.triu_indices(replicates)
    averages = np.sort((sample[..., first] + sample[..., second]) / 2, axis=-1)
    cut = _signed_rank_cut(replicates)
    return averages[..., cut], averages[..., averages.shape[-1] - 1 - cut]


def median_mad(sample: FloatArray) -> Bounds:
    """Median and MAD with a factor calibrated on normal samples (after Rousseeuw & Verboven 2002)."""
    centre = np.median(sample, axis=-1)
    spread = np.median(np.abs(sample - centre[..., None]), axis=-1)
    reach = _median_mad_factor(sample.shape[-1]) * spread
    return centre - reach, centre + reach


def hierarchical_bootstrap(rounds: FloatArray) -> Bounds:
    """Percentiles of the grand mean, replicates resampled, then rounds inside them (Kalibera & Jones 2013).

    A resample is a weight for every round, so all simulations share one matrix of resamples.
    """
    simulations, replicates, count = rounds.shape
    rng = np.random.default_rng(replicates * 1000 + count)
    drawn = rng.integers(0, replicates, (RESAMPLES, replicates))
    weights = np.zeros((RESAMPLES, replicates, count))
    inside = rng.integers(0, count, (RESAMPLES, replicates, count))
    resample = np.arange(RESAMPLES)[:, None, None]
    np.add.at(weights, (resample, drawn[..., None], inside), 1 / (replicates * count))
    means = weights.reshape(RESAMPLES, -1) @ rounds.reshape(simulations, -1).T
    low, high = np.quantile(means, [1 - TAIL, TAIL], axis=0)
    return low, high


def student_of_rounds(rounds: FloatArray) -> Bounds:
    """The usual mistake: every round counted as if it were independent."""
    return student(rounds.reshape(rounds.shape[0], -1))


@cache
def _signed_rank_cut(replicates: int) -> int:
    """Place of the lowest Walsh average to keep: the largest rank sum rarer than one tail, or the first.

    The centre lies below the average in place k (counted from 0) as often as the rank sum is at most k.
    """
    counts = np.ones(1)
    for rank in range(1, replicates + 1):
        grown = np.zeros(counts.size + rank)
        grown[: counts.size] += counts
        grown[rank:] += counts
        counts = grown
    below = np.cumsum(counts) / counts.sum()
    return max(int(np.searchsorted(below, 1 - TAIL, side="right")) - 1, 0)


@cache
def _median_mad_factor(replicates: int) -> float:
    normal = np.random.default_rng(replicates).normal(size=(CALIBRATION_SAMPLES, replicates))
    centre = np.median(normal, axis=-1)
    spread = np.median(np.abs(normal - centre[:, None]), axis=-1)
    return float(np.quantile(np.abs(centre) / spread, CONFIDENCE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A location over a replicate's rounds, then an interval over replicates.

    `location` is None for an interval that takes the rounds whole. `paired`: round by round, the
    log-ratio first and the location after; otherwise each side's location first. `centre` is what the
    interval is about, to be applied to a very large sample of replicates.
    """

    name: str
    location: Callable[[FloatArray], FloatArray] | None
    interval: Callable[[FloatArray], Bounds]
    centre: Callable[[FloatArray], FloatArray] = mean
    paired: bool = True

    def sample(self, log_times: FloatArray) -> FloatArray:
        """What the interval is given: (simulations, replicates), or with rounds where it takes those."""
        first, second = log_times[..., 0], log_times[..., 1]
        if self.location is None:
            return second - first
        if self.paired:
            return self.location(second - first)
        return self.location(second) - self.location(first)


CHOSEN = Candidate(name="t on medians", location=median, interval=student)

CANDIDATES = (
    Candidate(name="t, rounds as replicates", location=None, interval=student_of_rounds),
    Candidate(name="hierarchical bootstrap", location=None, interval=hierarchical_bootstrap),
    Candidate(name="t on means", location=mean, interval=student),
    CHOSEN,
    Candidate(name="t on medians of unpaired rounds", location=median, interval=student, paired=False),
    Candidate(name="t on 25 % trimmed means", location=trimmed_mean, interval=student),
    Candidate(name="t on Hodges-Lehmann", location=hodges_lehmann, interval=student),
    Candidate(name="Johnson's t on medians", location=median, interval=johnson),
    Candidate(name="Yuen's t on medians", location=median, interval=yuen, centre=trimmed_mean),
    Candidate(name="signed-rank on medians", location=median, interval=signed_rank, centre=pseudo_median),
    Candidate(name="median and MAD on medians", location=median, interval=median_mad, centre=median),
)
