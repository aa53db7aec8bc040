"""A mean of log-ratios, and how surely it is known: from one host's replicates, or from hosts as blocks.

Replicates of one host share what that host is: its cooling, its neighbours, the lot its chips came from. So
of several hosts of a kind the host is the unit of what is said of the kind, as the replicate is of what is
said of a host. Student's t on the means of hosts holds whatever the hosts differ by, and however unequal
their numbers of replicates are: with unequal variances it errs less often than it says, at 5 % and below
(Ibragimov and Müller 2010). Why it is never narrower than the replicates allow, and how often it holds the
truth, is in docs/decisions/0013-hosts-are-blocks.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr, stdtrit

FloatArray = npt.NDArray[np.float64]

# Of fewer nothing is known of how hosts differ.
_FEWEST: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A mean log-ratio; `errors` are standard errors with their degrees of freedom: the widest counts.

    Where there is none the mean is not bounded.
    """

    mean: float
    errors: tuple[tuple[float, int], ...]

    @classmethod
    def of(cls, log_ratios: FloatArray, hosts: Sequence[str] | None = None) -> Self:
        """The mean of all hosts of the kind, of which each of these is one; of one host, of its replicates.

        Args:
            log_ratios: (replicates,) finite log-ratios, at least one.
            hosts: (replicates,) where each was measured; None: all on one host.
        """
        blocks = by_host(log_ratios, hosts)
        if len(blocks) < _FEWEST:
            return cls(mean=float(log_ratios.mean()), errors=_plain(log_ratios))
        means = np.array([block.mean() for block in blocks])
        return cls(mean=float(means.mean()), errors=(*_plain(means), *_within(blocks)))

    @classmethod
    def here(cls, log_ratios: FloatArray, hosts: Sequence[str]) -> Self:
        """The mean of these hosts alone, each as it is: what their replicates know, and no other host's."""
        blocks = by_host(log_ratios, hosts)
        return cls(mean=float(np.mean([block.mean() for block in blocks])), errors=_within(blocks))

    @property
    def cautious(self) -> tuple[float, int] | None:
        """The largest standard error with the fewest degrees of freedom; None without any."""
        if not self.errors:
            return None
        return max(error for error, _ in self.errors), min(freedom for _, freedom in self.errors)

    def reach(self, confidence: float) -> float | None:
        """Half the interval's width on the log scale; None where the mean is not bounded."""
        return max(
            (float(stdtrit(freedom, (1 + confidence) / 2)) * error for error, freedom in self.errors),
            default=None,
        )

    def interval(self, confidence: float) -> tuple[float | None, float | None]:
        """Both ends on the ratio scale; None where the mean is not bounded."""
        reach = self.reach(confidence)
        return (None, None) if reach is None else (math.exp(self.mean - reach), math.exp(self.mean + reach))

    @property
    def p_difference(self) -> float:
        """p-value of "the mean is 0"."""
        return max(float(2 * stdtr(freedom, -abs(self.mean) / error)) for error, freedom in self.errors)

    def p_equivalence(self, margin: float) -> float:
        """p-value of "the ratio is at or past 1 + margin, or at or below 1 / (1 + margin)"."""
        bound = math.log1p(margin)
        return max(float(stdtr(freedom, (abs(self.mean) - bound) / error)) for error, freedom in self.errors)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variation:
    """By what log-ratios scatter, as standard deviations.

    `within` is that of one host's replicates, None where no host has two; `between` that of hosts beyond what
    their replicates bring about, 0 where they differ by no more, None of one host or where `within` is None.
    """

    within: float | None
    between: float | None


def variation(log_ratios: FloatArray, hosts: Sequence[str] | None = None) -> Variation:
    """The scatter of replicates and of hosts (analysis of variance, blocks of unequal size).

    Arguments as for `Known.of`.
    """
    blocks = by_host(log_ratios, hosts)
    freedom = sum(block.size - 1 for block in blocks)
    if freedom == 0:
        return Variation(within=None, between=None)
    within = sum(float(((block - block.mean()) ** 2).sum()) for block in blocks) / freedom
    if len(blocks) < _FEWEST:
        return Variation(within=math.sqrt(within), between=None)
    means = np.array([block.mean() for block in blocks])
    beyond = float(means.var(ddof=1)) - within * _share(blocks) * len(blocks)
    return Variation(within=math.sqrt(within), between=math.sqrt(max(0.0, beyond)))


def by_host(log_ratios: FloatArray, hosts: Sequence[str] | None) -> list[FloatArray]:
    """The replicates of each host, hosts in order of appearance."""
    if hosts is None:
        return [log_ratios]
    names = np.asarray(hosts, dtype=object)
    return [log_ratios[names == name] for name in dict.fromkeys(hosts)]


def _plain(sample: FloatArray) -> tuple[tuple[float, int], ...]:
    """Of a sample whose members are independent, unless it has no spread."""
    error = float(sample.std(ddof=1)) / math.sqrt(sample.size) if sample.size > 1 else 0.0
    return ((error, sample.size - 1),) if error > 0 else ()


def _within(blocks: Sequence[FloatArray]) -> tuple[tuple[float, int], ...]:
    """Of the mean of the hosts' means, by what the replicates of one host differ by."""
    freedom = sum(block.size - 1 for block in blocks)
    if freedom == 0:
        return ()
    variance = sum(float(((block - block.mean()) ** 2).sum()) for block in blocks) / freedom
    error = math.sqrt(variance * _share(blocks))
    return ((error, freedom),) if error > 0 else ()


def _share(blocks: Sequence[FloatArray]) -> float:
    """The variance of the mean of the hosts' means over that of a replicate, where hosts are alike."""
    return sum(1 / block.size for block in blocks) / len(blocks) ** 2
