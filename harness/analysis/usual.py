"""The usual ways to compare two benchmark runs, for what each says where the truth is known.

Each takes the rounds of one process, and after them those of another, as most scripts measure. None of
this decides anything here: calibration tells how often each of them is wrong on this machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import stats

from harness.analysis.statistics import FloatArray

# The project's own way, where it stands beside the usual ones.
PAIRED: Final = "taking turns"

ALPHA: Final = 0.05

_FEWEST: Final = 2


class Says(StrEnum):
    A_FASTER = "a faster"
    B_FASTER = "b faster"
    NO_DIFFERENCE = "no difference"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a way says; `ratio` is the speed of a over b that it reports."""

    way: str
    says: Says
    ratio: float


def usual_calls(a_s: npt.ArrayLike, b_s: npt.ArrayLike, *, margin: float = 0.03) -> list[Call]:
    """Every usual way's call on the same rounds.

    Args:
        a_s: (n,) seconds of each of a's rounds, n at least 2.
        b_s: (m,) seconds of b's, all of them after a's.
        margin: smallest relative difference that the minima have to show.

    Raises:
        ValueError: too few rounds, or a time that is not a finite number above zero.
    """
    a, b = _times(a_s), _times(b_s)
    return [
        _welch(a, b),
        _minimum(a, b, margin),
        _pytest_benchmark(a, b),
        _pyperf(a, b),
    ]


def _welch(a: FloatArray, b: FloatArray) -> Call:
    """Welch's t-test on rounds at 5 %, and the ratio of means."""
    return _tested("welch", a, b, equal_variances=False)


def _minimum(a: FloatArray, b: FloatArray, margin: float) -> Call:
    """The fastest round of each, as Python's `timeit` documentation advises; no test, but a margin."""
    ratio = float(b.min() / a.min())
    return Call(way="minimum", says=_past(ratio, margin), ratio=ratio)


def _pytest_benchmark(a: FloatArray, b: FloatArray) -> Call:
    """pytest-benchmark's `--benchmark-compare-fail=min:5%`, the example of its documentation.

    A run fails when its minimum is more than 5 % above the stored one's. Asked in both directions.
    """
    ratio = float(b.min() / a.min())
    return Call(way="pytest-benchmark", says=_past(ratio, 0.05), ratio=ratio)


def _pyperf(a: FloatArray, b: FloatArray) -> Call:
    """pyperf's `compare_to`: Student's t-test with pooled variance at 95 %, and the ratio of means.

    pyperf itself gathers its values from many processes, here they come from one.
    """
    return _tested("pyperf", a, b, equal_variances=True)


def _tested(way: str, a: FloatArray, b: FloatArray, *, equal_variances: bool) -> Call:
    p_value = float(stats.ttest_ind(a, b, equal_var=equal_variances).pvalue)
    ratio = float(b.mean() / a.mean())
    return Call(way=way, says=_past(ratio, 0.0) if p_value <= ALPHA else Says.NO_DIFFERENCE, ratio=ratio)


def _past(ratio: float, margin: float) -> Says:
    if ratio > 1 + margin:
        return Says.A_FASTER
    return Says.B_FASTER if 1 / ratio > 1 + margin else Says.NO_DIFFERENCE


def _times(times_s: npt.ArrayLike) -> FloatArray:
    times = np.asarray(times_s, dtype=np.float64)
    if times.ndim != 1 or times.size < _FEWEST or not (np.isfinite(times) & (times > 0)).all():
        raise ValueError(f"rounds {times} are not {_FEWEST} or more finite numbers of seconds above zero")
    return times
