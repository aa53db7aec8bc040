"""A match reduced to one effect a contender: times in, log speeds out, pure functions on arrays.

All contenders of a match took the same turns, so one number a contender stands for all its ratios: the
log-ratio of two is the difference of their effects, and ratios close, A over B times B over C being A over
C. Two such numbers are told. The typical effect gives way to no burst; the total counts every second, so a
cost that hits few of a contender's rounds shows in it alone. Why these and no others is measured in
docs/decisions/0005-effects-of-a-match.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from harness.analysis.intervals import FloatArray, Interval, ratio_interval
from harness.analysis.statistics import MIN_REPLICATES

BoolArray = npt.NDArray[np.bool_]

# Axes of the times of a match, and contenders that take turns.
_FEWEST: Final = 2

# The standard deviation of a normal distribution over its median absolute deviation.
_NORMAL_MAD: Final = 1.4826


def typical_effects(sample_s: npt.ArrayLike, left_out: npt.ArrayLike | None = None) -> FloatArray:
    """Reduce a match to the typical log speed of each contender.

    Every two contenders have a median log-ratio over the turns that both took. The effects are their least
    squares, each median weighted by its turns. For two contenders their ratio is the median. Where all took
    all turns, an effect is the mean of a contender's medians against every contender, and none, however
    wild, moves the ratio of two others out of what their own turns show.

    Args:
        sample_s: (turns, contenders) seconds a sample, each contender once a turn.
        left_out: (turns, contenders) true where a round does not count, as in its warm-up; None for nowhere.

    Returns:
        (contenders,) log speeds about a mean of 0: `effects[a] - effects[b]` is the log of a's throughput
        over b's. NaN for a contender without a round that counts, or with one whose time is not a finite
        number above zero, because it was not measured; the others do without it. All NaN where the measured
        contenders do not hang together by turns that two of them share.

    Raises:
        ValueError: no turns, fewer than two contenders, or `left_out` of another shape.
    """
    log_s, counted = _log_times(sample_s, left_out)
    measured = np.flatnonzero(_measured(log_s, counted))
    effects = np.full(log_s.shape[1], np.nan)
    log_s, counted = log_s[:, measured], counted[:, measured]
    shared = counted.T.astype(np.float64) @ counted
    np.fill_diagonal(shared, 0.0)
    laplacian = np.diag(shared.sum(axis=1)) - shared
    if measured.size == 0 or np.linalg.matrix_rank(laplacian) < measured.size - 1:
        return effects
    medians = np.zeros_like(shared)
    for one, other in np.argwhere(np.triu(shared) > 0):
        both = counted[:, one] & counted[:, other]
        medians[one, other] = np.median(log_s[both, other] - log_s[both, one])
        medians[other, one] = -medians[one, other]
    # The constant that effects are free by is settled by the added matrix: their sum is 0.
    effects[measured] = np.linalg.solve(laplacian + 1.0, (shared * medians).sum(axis=1))
    return effects


def total_effects(sample_s: npt.ArrayLike, left_out: npt.ArrayLike | None = None) -> FloatArray:
    """Reduce a match to the log speed of each contender over all its turns together.

    Arguments, raised errors and the meaning of what is returned as in `typical_effects`, with the sum of
    seconds a sample over the turns that all measured contenders took in place of the medians; all NaN where
    there is no such turn.
    """
    log_s, counted = _log_times(sample_s, left_out)
    measured = _measured(log_s, counted)
    effects = np.full(log_s.shape[1], np.nan)
    together = counted[:, measured].all(axis=1)
    if measured.any() and together.any():
        totals = -np.log(np.exp(log_s[together][:, measured]).sum(axis=0))
        effects[measured] = totals - totals.mean()
    return effects


def turn_error(sample_s: npt.ArrayLike, left_out: npt.ArrayLike | None = None) -> float:
    """By how much the median log-ratio of two contenders would scatter, had their match other turns.

    What is the same in all turns of a match, such as the speed that a process is born with, is not in it.

    Args:
        sample_s: (turns, 2) seconds a sample, each contender once a turn.
        left_out: (turns, 2) true where a round does not count; None for nowhere.

    Returns:
        The median's standard error on the log scale, from the turns' median absolute deviation as that of a
        normal distribution. NaN with fewer than three turns that both took.

    Raises:
        ValueError: no turns, another number of contenders than two, or `left_out` of another shape.
    """
    log_s, counted = _log_times(sample_s, left_out)
    if log_s.shape[1] != _FEWEST:
        raise ValueError(f"times of {log_s.shape[1]} contenders are not those of two")
    both = counted.all(axis=1)
    log_ratios = log_s[both, 1] - log_s[both, 0]
    if both.sum() <= _FEWEST or np.isnan(log_ratios).any():
        return float("nan")
    spread = _NORMAL_MAD * float(np.median(np.abs(log_ratios - np.median(log_ratios))))
    return spread * math.sqrt(math.pi / 2 / log_ratios.size)


def gap_interval(
    typical: npt.ArrayLike,
    totals: npt.ArrayLike,
    confidence: float = 0.95,
    hosts: Sequence[str] | None = None,
) -> Interval:
    """By what factor the ratio of totals is above the typical ratio of two contenders.

    Args:
        typical: (replicates,) typical log-ratios of two contenders, one a match.
        totals: (replicates,) log-ratios of their totals in the same matches.
        confidence: the share of such intervals that hold the true factor, in (0, 1).
        hosts: (replicates,) the host of each; None where there is one.

    Returns:
        Student's t-interval on the differences. Both ratios of a match share the speed of its processes,
        which therefore falls out.

    Raises:
        ValueError: no replicates, arrays of different length, a log-ratio that is not finite, or a
            confidence outside (0, 1).
    """
    typical, totals = np.asarray(typical, dtype=np.float64), np.asarray(totals, dtype=np.float64)
    if typical.shape != totals.shape:
        raise ValueError(f"{typical.size} typical log-ratios and {totals.size} of totals are not of the same")
    return ratio_interval(totals - typical, confidence, hosts)


def totals_differ(
    typical: npt.ArrayLike,
    totals: npt.ArrayLike,
    confidence: float = 0.95,
    hosts: Sequence[str] | None = None,
) -> bool:
    """Whether the two ratios differ by more than the interval of their difference; see `gap_interval`.

    Never with fewer than `MIN_REPLICATES`.
    """
    gap = gap_interval(typical, totals, confidence, hosts)
    if gap.low is None or gap.high is None or gap.replicates < MIN_REPLICATES:
        return False
    return gap.low > 1 or gap.high < 1


def _log_times(sample_s: npt.ArrayLike, left_out: npt.ArrayLike | None) -> tuple[FloatArray, BoolArray]:
    """Log seconds, NaN where a time is none, and which cells count."""
    times_s = np.asarray(sample_s, dtype=np.float64)
    if times_s.ndim != _FEWEST or times_s.shape[0] == 0 or times_s.shape[1] < _FEWEST:
        raise ValueError(f"times of shape {times_s.shape} are not turns of two contenders or more")
    counted = np.ones(times_s.shape, np.bool_) if left_out is None else ~np.asarray(left_out, np.bool_)
    if counted.shape != times_s.shape:
        raise ValueError(f"what is left out has shape {counted.shape}, the times have {times_s.shape}")
    proper = np.isfinite(times_s) & (times_s > 0)
    return np.log(times_s, where=proper, out=np.full(times_s.shape, np.nan)), counted


def _measured(log_s: FloatArray, counted: BoolArray) -> BoolArray:
    """Which contenders have rounds that count, all of them proper."""
    broken = (counted & np.isnan(log_s)).any(axis=0)
    return np.asarray(counted.any(axis=0) & ~broken)
