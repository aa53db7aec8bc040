"""How a verdict is reached: pure functions on arrays, times in, judgements out.

The unit of independence is the replicate: one match of fresh processes, whose rounds took turns. `match`
reduces each to one log-ratio of two contenders; everything after that is a Student t on those few numbers,
or on the means of several hosts (`blocks`). The reasoning for a doubting reader is in docs/METHOD.md.

Ratios are side a's throughput over side b's: above 1, a is faster. Whose sides these are is not known here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from harness.analysis.blocks import Known
from harness.analysis.intervals import FloatArray, Interval, has_spread, ratio_interval

# Below this many replicates nothing is called. If one side's processes come in two speeds, a few are often
# all alike by chance, five once in sixteen times, and look surer than they are (decision 0005).
MIN_REPLICATES: Final = 6

# Corrected p-values are multiplied by it. A run that may stop when its intervals are narrow does so most
# readily where few replicates happen to agree, and noise that strikes one side skews what they say: of
# simulated comparisons of equals tests at 5 % rejected up to 8.4 %, at 5 % over this 4.7 % (decision 0005).
CAUTION: Final = 2.5

SMALLEST_P_SHOWN: Final = 0.001


class Verdict(StrEnum):
    A_FASTER = "a faster"
    B_FASTER = "b faster"
    EQUIVALENT = "equivalent"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The verdict of one case with its evidence; `reason` is a sentence for the reader.

    `verdict` is a `Verdict`, or names the faster of many contenders (`questions.judge_questions`).

    The p-values, raw and adjusted over the family, are None when the replicates did not allow a test.
    `interval` is None when no log-ratio could be computed; it is never adjusted.
    """

    verdict: str
    reason: str
    interval: Interval | None
    p_difference: float | None = None
    p_difference_adjusted: float | None = None
    p_equivalence: float | None = None
    p_equivalence_adjusted: float | None = None


def difference_p(log_ratios: FloatArray, hosts: Sequence[str] | None = None) -> float:
    """p-value of "the speeds are equal": the two-sided one-sample t-test of log-ratio 0."""
    return Known.of(log_ratios, hosts).p_difference


def equivalence_p(log_ratios: FloatArray, margin: float, hosts: Sequence[str] | None = None) -> float:
    """p-value of "the ratio is at or past 1 + margin, or at or below 1 / (1 + margin)".

    Two one-sided t-tests (Schuirmann 1987); the larger p-value is the pair's. The bounds mirror each
    other on the log scale, so the answer does not depend on which framework is the numerator.
    """
    return Known.of(log_ratios, hosts).p_equivalence(margin)


def holm(p_values: npt.ArrayLike) -> FloatArray:
    """Adjust a family of p-values so that comparing each with alpha errs anywhere at most alpha often.

    Step-down Bonferroni (Holm 1979); holds whatever the dependence between the tests.

    Args:
        p_values: (..., tests) raw p-values, any order; each row is a family.

    Returns:
        (..., tests) adjusted p-values in the same order, at most 1.

    Raises:
        ValueError: a value outside [0, 1], or not a number.
    """
    raw = np.asarray(p_values, dtype=np.float64)
    if not ((raw >= 0) & (raw <= 1)).all():
        raise ValueError(f"p-values {raw} are not all between 0 and 1")
    order = np.argsort(raw, axis=-1, kind="stable")
    stepped = np.take_along_axis(raw, order, axis=-1) * np.arange(raw.shape[-1], 0, -1)
    adjusted = np.empty_like(raw)
    np.put_along_axis(adjusted, order, np.minimum(np.maximum.accumulate(stepped, axis=-1), 1.0), axis=-1)
    return adjusted


def corrected(p_values: npt.ArrayLike) -> FloatArray:
    """Adjust a family of p-values, as `holm` does, and for what a run's stopping and skewed noise add.

    Args:
        p_values: (..., tests) as for `holm`.

    Returns:
        (..., tests) adjusted p-values in the same order, at most 1.

    Raises:
        ValueError: as `holm`.
    """
    adjusted: FloatArray = np.minimum(CAUTION * holm(p_values), 1.0)
    return adjusted


def judge(log_ratios: npt.ArrayLike, margin: float = 0.03, alpha: float = 0.05) -> Judgement:
    """Judge one case by itself: a family of one, see `judge_family`."""
    return judge_family([log_ratios], margin=margin, alpha=alpha)[0]


def judge_family(
    samples: Sequence[npt.ArrayLike],
    *,
    margin: float = 0.03,
    alpha: float = 0.05,
    hosts: Sequence[Sequence[str] | None] | None = None,
) -> list[Judgement]:
    """Judge cases together; corrected for how many were asked, stopping and skewed noise (`corrected`).

    Each case enters two tests: one for a difference, one for equivalence within `margin`. The
    difference p-values of all testable cases form one Holm family, the equivalence p-values another: so
    the chance that any case is wrongly called faster is at most `alpha`, and so is the chance that any
    is wrongly called equivalent. (For one case at most one of the two can be wrong: the true ratio
    cannot be 1 and outside the margin at once.)

    The verdict, from adjusted p-values:

    1. equivalence shown: `equivalent`, even where a difference is shown too. `margin` is the smallest
       difference worth calling, and ratio and interval still tell how small it is;
    2. else a difference shown: the faster side;
    3. else `inconclusive`.

    Args:
        samples: one (replicates,) array of log-ratios a case; they may differ in length.
        margin: smallest relative difference worth calling, above 0.
        alpha: error rate of each family, in (0, 1); intervals have confidence 1 - alpha.
        hosts: for each case the host of each replicate, None where there is one; None: one host for all.

    Returns:
        One judgement a case, in order. A case with fewer than `MIN_REPLICATES` replicates, without
        spread, or with a log-ratio that is not finite is `inconclusive`, with the reason, and is no
        member of the families.

    Raises:
        ValueError: margin or alpha out of range.
    """
    if not (margin > 0 and 0 < alpha < 1):
        raise ValueError(f"margin {margin} is not above 0, or alpha {alpha} not between 0 and 1")
    cases = [np.asarray(sample, dtype=np.float64) for sample in samples]
    where = [None] * len(cases) if hosts is None else hosts
    judgements = [without_tests(*one, confidence=1 - alpha) for one in zip(cases, where, strict=True)]
    testable = [number for number, sample in enumerate(cases) if _obstacle(sample) is None]
    known = {number: Known.of(cases[number], where[number]) for number in testable}
    p_difference = [one.p_difference for one in known.values()]
    p_equivalence = [one.p_equivalence(margin) for one in known.values()]
    columns = (testable, p_difference, corrected(p_difference), p_equivalence, corrected(p_equivalence))
    for number, p_d, p_d_adjusted, p_e, p_e_adjusted in zip(*columns, strict=True):
        verdict, reason = _decide(known[number].mean, p_d_adjusted, p_e_adjusted, margin, alpha)
        judgements[number] = Judgement(
            verdict=verdict,
            reason=reason,
            interval=judgements[number].interval,
            p_difference=p_d,
            p_difference_adjusted=float(p_d_adjusted),
            p_equivalence=p_e,
            p_equivalence_adjusted=float(p_e_adjusted),
        )
    return judgements


def without_tests(sample: FloatArray, hosts: Sequence[str] | None = None, *, confidence: float) -> Judgement:
    """A case's judgement as long as no test has been made: its interval, if it has one."""
    measured = sample.size > 0 and bool(np.isfinite(sample).all())
    return Judgement(
        verdict=Verdict.INCONCLUSIVE,
        reason=_obstacle(sample) or "not tested",
        interval=ratio_interval(sample, confidence, hosts) if measured else None,
    )


def _decide(
    mean: float, p_difference: float, p_equivalence: float, margin: float, alpha: float
) -> tuple[Verdict, str]:
    """Verdict and reason from adjusted p-values: the rule in `judge_family`."""
    percent = f"{100 * margin:g} %"
    if p_equivalence <= alpha:
        return Verdict.EQUIVALENT, f"the speeds differ by less than {percent} ({_p(p_equivalence)})"
    if p_difference <= alpha:
        faster = Verdict.A_FASTER if mean > 0 else Verdict.B_FASTER
        return faster, f"the speeds differ ({_p(p_difference)})"
    return Verdict.INCONCLUSIVE, (
        f"neither a difference ({_p(p_difference)}) "
        f"nor equivalence within {percent} ({_p(p_equivalence)}) is shown"
    )


def _p(p_value: float) -> str:
    """A p-value in words; below a thousandth its digits are noise."""
    return "p < 0.001" if p_value < SMALLEST_P_SHOWN else f"p = {p_value:.3f}"


def _obstacle(sample: FloatArray) -> str | None:
    """Why a case cannot be tested; None when it can."""
    if not np.isfinite(sample).all():
        broken = np.count_nonzero(~np.isfinite(sample))
        return f"{broken} of {sample.size} replicates hold a round whose time is not a number above zero"
    if sample.size < MIN_REPLICATES:
        noun = "replicate" if sample.size == 1 else "replicates"
        return f"{sample.size} {noun}; at least {MIN_REPLICATES} are needed"
    if not has_spread(sample):
        return f"all {sample.size} replicates are identical, so their noise cannot be judged"
    return None
