"""How well a throughput ratio is known: pure functions on log-ratios, and what narrower ones would take.

Why these intervals and not others is measured in docs/decisions/0002-the-interval.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri, stdtrit

from harness.analysis.blocks import Known

FloatArray = npt.NDArray[np.float64]

# Replicates whose log-ratios differ by less than a billionth were not measured apart (a clock too
# coarse, or one row copied), so they say nothing about the noise between them.
SMALLEST_SPREAD: Final = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A confidence interval of the throughput ratio.

    `low` and `high` are None when the replicates cannot bound the ratio (fewer than two, or no spread).
    """

    estimate: float
    low: float | None
    high: float | None
    confidence: float
    replicates: int

    @property
    def half_width(self) -> float | None:
        """Half the interval's width on the log scale, as a fraction: 0.02 reads "within about 2 %"."""
        if self.low is None or self.high is None:
            return None
        return math.sqrt(self.high / self.low) - 1


def ratio_interval(
    log_ratios: npt.ArrayLike, confidence: float = 0.95, hosts: Sequence[str] | None = None
) -> Interval:
    """Student's t-interval of the mean log-ratio, on the ratio scale.

    Args:
        log_ratios: (replicates,) one finite log-ratio a replicate.
        confidence: the share of such intervals that hold the true ratio, in (0, 1).
        hosts: (replicates,) the host of each, where several of a kind were measured (`blocks.Known`).

    Raises:
        ValueError: no replicates, a log-ratio that is not finite, or a confidence outside (0, 1).
    """
    sample = np.asarray(log_ratios, dtype=np.float64)
    if sample.ndim != 1 or sample.size == 0 or not np.isfinite(sample).all():
        raise ValueError(f"log-ratios {sample} are not one finite number a replicate")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence} is not between 0 and 1")
    known = Known.of(sample, hosts)
    low, high = known.interval(confidence) if has_spread(sample) else (None, None)
    return Interval(
        estimate=math.exp(known.mean), low=low, high=high, confidence=confidence, replicates=sample.size
    )


def replicates_within(log_ratios: npt.ArrayLike, share: float, confidence: float = 0.95) -> int:
    """How many replicates that vary as these do make an interval whose `half_width` is the share at most.

    Args:
        log_ratios: (replicates,) two or more finite log-ratios.
        share: the half-width that is asked for, above 0.
        confidence: of the interval, in (0, 1).
    """
    sample = np.asarray(log_ratios, dtype=np.float64)
    wanted, deviation = math.log1p(share), float(sample.std(ddof=1))
    quantile = (1 + confidence) / 2
    # Student's quantiles are above the normal one, and come down to it.
    replicates = max(2, math.floor((float(ndtri(quantile)) * deviation / wanted) ** 2))
    while float(stdtrit(replicates - 1, quantile)) * deviation / math.sqrt(replicates) > wanted:
        replicates += 1
    return replicates


def product_interval(one: npt.ArrayLike, other: npt.ArrayLike, confidence: float = 0.95) -> Interval:
    """The interval of a product of two independent quantities, each known by a sample of its logarithm.

    It reaches as far as both means' t-intervals, added in squares (Zou and Donner 2008): with three seeds
    Welch's degrees of freedom make it too narrow. Unlike in `ratio_interval` one of the two may have no
    spread: then all of it is the other's.

    Args:
        one: (n,) finite logarithms.
        other: (m,) likewise; the smaller number counts as `replicates`.
        confidence: the share of such intervals that hold the true product, in (0, 1).

    Raises:
        ValueError: a sample that is empty or not finite, or a confidence outside (0, 1).
    """
    samples = [np.asarray(sample, dtype=np.float64) for sample in (one, other)]
    if any(sample.ndim != 1 or sample.size == 0 or not np.isfinite(sample).all() for sample in samples):
        raise ValueError(f"logarithms {samples} are not some finite numbers each")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence} is not between 0 and 1")
    mean, low, high = float(sum(sample.mean() for sample in samples)), None, None
    if min(sample.size for sample in samples) > 1 and any(map(has_spread, samples)):
        reach = math.hypot(
            *(stdtrit(sample.size - 1, (1 + confidence) / 2) * _standard_error(sample) for sample in samples)
        )
        low, high = math.exp(mean - reach), math.exp(mean + reach)
    return Interval(
        estimate=math.exp(mean),
        low=low,
        high=high,
        confidence=confidence,
        replicates=min(sample.size for sample in samples),
    )


def has_spread(sample: FloatArray) -> bool:
    """Whether (replicates,) log-ratios differ by more than a copy or a coarse clock would."""
    return sample.size > 1 and float(np.ptp(sample)) > SMALLEST_SPREAD


def _standard_error(sample: FloatArray) -> float:
    return float(sample.std(ddof=1)) / math.sqrt(sample.size)
