"""What two runs measured, side by side: nothing is paired, so each side keeps its own noise.

The unit is still the replicate, reduced to the logarithm of its median speed. Replicates of one run ran at
other times than those of the other, so their difference is judged by Welch's t (1947), which asks neither
for equal variances nor for equal numbers. It knows the noise between the replicates of a run; what changed
on the machine between the runs is, to it, a change. docs/METHOD.md has the reasoning.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr, stdtrit

from harness.analysis.intervals import SMALLEST_SPREAD, FloatArray
from harness.analysis.statistics import MIN_REPLICATES


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """Mean log speed of b less that of a, with its standard error and Welch's degrees of freedom."""

    difference: float
    error: float
    freedom: float

    @classmethod
    def of(cls, a: npt.ArrayLike, b: npt.ArrayLike) -> Self:
        """The contrast of two samples of log speeds.

        Args:
            a: (n,) finite log speeds, one a replicate.
            b: (m,) the same of the other run.

        Raises:
            ValueError: samples in which `obstacle` sees one, fewer than `MIN_REPLICATES` aside.
        """
        before, after = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
        if obstacle(before, after, fewest=2) is not None:
            raise ValueError(f"log speeds {before} and {after}: {obstacle(before, after, fewest=2)}")
        parts = [float(side.var(ddof=1)) / side.size for side in (before, after)]
        freedom = sum(parts) ** 2 / sum(
            part**2 / (side.size - 1) for part, side in zip(parts, (before, after), strict=True)
        )
        return cls(
            difference=float(after.mean() - before.mean()), error=math.sqrt(sum(parts)), freedom=freedom
        )

    @property
    def ratio(self) -> float:
        """Speed of b over that of a."""
        return math.exp(self.difference)

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Low and high end of the ratio's interval."""
        reach = float(stdtrit(self.freedom, (1 + confidence) / 2)) * self.error
        return math.exp(self.difference - reach), math.exp(self.difference + reach)

    @property
    def p_difference(self) -> float:
        """p-value of "both are equally fast"."""
        return float(2 * stdtr(self.freedom, -abs(self.difference) / self.error))

    def p_equivalence(self, margin: float) -> float:
        """p-value of "they differ by the margin or more" (two one-sided tests, Schuirmann 1987)."""
        bound = math.log1p(margin)
        return float(stdtr(self.freedom, (abs(self.difference) - bound) / self.error))

    def p_slower(self, share: float) -> float:
        """p-value of "b takes at most `share` longer than a": small where it surely takes longer."""
        return float(stdtr(self.freedom, (self.difference + math.log1p(share)) / self.error))


def obstacle(a: FloatArray, b: FloatArray, *, fewest: int = MIN_REPLICATES) -> str | None:
    """Why two samples of log speeds cannot be judged against each other; None where they can."""
    for side, sample in (("A", a), ("B", b)):
        if not np.isfinite(sample).all():
            return f"{side} holds a replicate whose speed is not a number above zero"
        if sample.size < fewest:
            noun = "replicate" if sample.size == 1 else "replicates"
            return f"{side} has {sample.size} {noun}; at least {fewest} are needed"
        if float(np.ptp(sample)) <= SMALLEST_SPREAD:
            return f"all {sample.size} replicates of {side} are identical, so their noise cannot be judged"
    return None
