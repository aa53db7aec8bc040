"""The usual ways to compare two benchmark runs, for what each says where the truth is known.

Each takes the rounds of one process, and after them those of another, as most scripts measure. None of
this decides anything here: calibration tells how often each of them is wrong on this machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from harness.analysis.intervals import FloatArray

# The project's own way, where it stands beside the usual ones.
IN_TURNS: Final = "taking turns"

ALPHA: Final = 0.05

# The threshold that pytest-benchmark's documentation and its command line's help give as the example.
_REGRESSION: Final = 0.05

# Of each, for any of the ways.
FEWEST_ROUNDS: Final = 2


class Says(StrEnum):
    FIRST_FASTER = "first faster"
    SECOND_FASTER = "second faster"
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
        b_s: (m,) seconds of b's, m at least 2, all of them after a's.
        margin: what the larger minimum has to exceed the smaller by, as a share of it.

    Returns:
        One call a way; with a and b swapped, every call is swapped and every ratio inverted.

    Raises:
        ValueError: too few rounds, a time that is not a finite number above zero, a margin that is not
            a finite number from zero on.
    """
    a, b = _times("a", a_s), _times("b", b_s)
    if not (math.isfinite(margin) and margin >= 0):
        raise ValueError(f"margin {margin} is not a finite number from zero on")
    return [
        _welch(a, b),
        _minimum(a, b, margin),
        _pytest_benchmark(a, b),
        _pyperf(a, b),
    ]


def _welch(a: FloatArray, b: FloatArray) -> Call:
    """Welch's (1947) two-sided t-test on rounds at 5 %, and the ratio of means."""
    return _tested("welch", a, b, equal_variances=False)


def _minimum(a: FloatArray, b: FloatArray, margin: float) -> Call:
    """The fastest round of each, untested; different when one is more than the margin above the other.

    Python's documentation of `timeit.Timer.repeat` takes the minimum for probably the only number of
    interest and names no threshold, so the project's margin stands in for one.
    """
    return _least("minimum", a, b, margin)


def _pytest_benchmark(a: FloatArray, b: FloatArray) -> Call:
    """pytest-benchmark's `--benchmark-compare-fail=min:5%`, asked in both directions.

    The tool fails a run whose minimum is more than 5 % above the stored run's, the stored minimum being
    the whole; exactly 5 % passes (documentation, "Comparing past runs"; `PercentageRegressionCheck` in
    `pytest_benchmark.utils` 5.3). It only ever finds the newer run slower. Here either is once the
    stored run, as whoever compares two programs may store either: so b is faster when a is more than
    5 % above b, not when b is 5 % below a. One run of the tool asks half of this.
    """
    return _least("pytest-benchmark", a, b, _REGRESSION)


def _pyperf(a: FloatArray, b: FloatArray) -> Call:
    """pyperf's `compare_to`: Student's two-sided t-test with pooled variance at 95 %, and the ratio of means.

    The rule is `is_significant` in `pyperf._utils`, without `--min-speed`. pyperf 2.10 differs in three
    things. It gathers its values from many processes, here they come from one. It rounds its critical
    values, so that its test's size is 4.8 to 5.1 %, here it is 5 %. And samples of unequally many values
    it cannot test and calls different (`is_significant_benchs` in `pyperf._compare`); here they are
    tested, because how many rounds fit into a time is not pyperf's doing.
    """
    return _tested("pyperf", a, b, equal_variances=True)


def _tested(way: str, a: FloatArray, b: FloatArray, *, equal_variances: bool) -> Call:
    # Imported here: it takes a second, and whoever only wants names of ways does without.
    from scipy import stats  # noqa: PLC0415

    a_mean_s, b_mean_s = float(a.mean()), float(b.mean())
    # From the moments, because rounds without any spread are not worth the warning that SciPy gives of
    # them: such samples differ (p = 0) unless their means are the same (p is not a number).
    tested = stats.ttest_ind_from_stats(
        mean1=a_mean_s,
        std1=float(a.std(ddof=1)),
        nobs1=a.size,
        mean2=b_mean_s,
        std2=float(b.std(ddof=1)),
        nobs2=b.size,
        equal_var=equal_variances,
    )
    different = float(tested.pvalue) <= ALPHA
    says = _past(a_mean_s, b_mean_s, 0.0) if different else Says.NO_DIFFERENCE
    return Call(way=way, says=says, ratio=b_mean_s / a_mean_s)


def _least(way: str, a: FloatArray, b: FloatArray, margin: float) -> Call:
    a_min_s, b_min_s = float(a.min()), float(b.min())
    return Call(way=way, says=_past(a_min_s, b_min_s, margin), ratio=b_min_s / a_min_s)


def _past(a_s: float, b_s: float, margin: float) -> Says:
    """The one that the other is more than the margin above."""
    if b_s / a_s > 1 + margin:
        return Says.FIRST_FASTER
    return Says.SECOND_FASTER if a_s / b_s > 1 + margin else Says.NO_DIFFERENCE


def _times(name: str, times_s: npt.ArrayLike) -> FloatArray:
    times = np.asarray(times_s, dtype=np.float64)
    if times.ndim != 1 or times.size < FEWEST_ROUNDS:
        raise ValueError(f"rounds of {name} have shape {times.shape}, not one row of {FEWEST_ROUNDS} or more")
    broken = times[~(np.isfinite(times) & (times > 0))]
    if broken.size:
        raise ValueError(f"a round of {name} took {broken[0]} s, not a finite number above zero")
    return times
