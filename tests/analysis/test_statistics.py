"""Statistics against an outside oracle, by coverage, and by what must not matter."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from harness.analysis.intervals import ratio_interval
from harness.analysis.statistics import (
    MIN_REPLICATES,
    Verdict,
    difference_p,
    equivalence_p,
    holm,
    judge,
    judge_family,
)

MARGIN = 0.03

samples = st.lists(st.floats(-2, 2), min_size=MIN_REPLICATES, max_size=12).map(np.array)

OPPOSITE = {
    Verdict.A_FASTER: Verdict.B_FASTER,
    Verdict.B_FASTER: Verdict.A_FASTER,
    Verdict.EQUIVALENT: Verdict.EQUIVALENT,
    Verdict.INCONCLUSIVE: Verdict.INCONCLUSIVE,
}


def spread_around(centre, sd, replicates=8, seed=0):
    """Log-ratios with exactly this mean and standard deviation."""
    noise = np.random.default_rng(seed).normal(size=replicates)
    return centre + sd * (noise - noise.mean()) / noise.std(ddof=1)


# The tests


@given(samples)
def test_the_difference_is_tested_as_scipy_tests_it(sample):
    assume(np.ptp(sample) > 1e-6)
    assert difference_p(sample) == pytest.approx(stats.ttest_1samp(sample, 0).pvalue)


@given(samples)
def test_equivalence_is_the_worse_of_scipys_two_one_sided_tests(sample):
    assume(np.ptp(sample) > 1e-6)
    below = stats.ttest_1samp(sample, -math.log(1 + MARGIN), alternative="greater").pvalue
    above = stats.ttest_1samp(sample, math.log(1 + MARGIN), alternative="less").pvalue
    assert equivalence_p(sample, MARGIN) == pytest.approx(max(below, above))


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.2])
def test_equivalence_is_shown_exactly_when_the_interval_of_twice_alpha_lies_within_the_margin(alpha):
    for sd in np.linspace(0.005, 0.08, 40):
        sample = spread_around(0.004, sd)
        interval = ratio_interval(sample, 1 - 2 * alpha)
        inside = interval.low > 1 / (1 + MARGIN) and interval.high < 1 + MARGIN
        assert inside == (equivalence_p(sample, MARGIN) < alpha)


# Holm's correction


def test_holm_agrees_with_published_examples():
    # https://en.wikipedia.org/wiki/Holm-Bonferroni_method, example
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    # stdlib.io, documentation of padjust
    assert holm([0.319, 0.201, 0.4, 0.374, 0.113]) == pytest.approx([0.957, 0.804, 0.957, 0.957, 0.565])


def test_holm_corrects_each_row_of_a_table_as_a_family_of_its_own():
    table = np.random.default_rng(5).random((4, 3, 6))
    adjusted = holm(table)
    for place in np.ndindex(4, 3):
        assert adjusted[place] == pytest.approx(holm(table[place]))


def test_holm_rejects_the_three_hypotheses_that_benjamini_and_hochberg_1995_report_for_their_trial():
    p_values = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344]
    p_values += [0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]
    assert np.count_nonzero(holm(p_values) <= 0.05) == 3


@given(st.lists(st.floats(0, 1), max_size=12), st.randoms(use_true_random=False))
def test_holm_is_never_milder_than_no_correction_nor_harsher_than_bonferronis_and_ignores_order(raw, random):
    adjusted = holm(raw)
    assert (adjusted >= raw).all()
    assert (adjusted <= np.minimum(np.array(raw) * len(raw), 1) + 1e-15).all()
    places = random.sample(range(len(raw)), len(raw))
    assert holm([raw[place] for place in places]) == pytest.approx([adjusted[place] for place in places])


@pytest.mark.parametrize("wrong", [math.nan, -0.1, 1.1])
def test_holm_refuses_what_is_no_p_value(wrong):
    with pytest.raises(ValueError, match="p-values"):
        holm([0.5, wrong])


# Verdicts


@pytest.mark.parametrize(
    ("centre", "sd", "verdict"),
    [
        (0.10, 0.01, Verdict.A_FASTER),
        (-0.10, 0.01, Verdict.B_FASTER),
        (0.00, 0.01, Verdict.EQUIVALENT),
        (0.02, 0.08, Verdict.INCONCLUSIVE),
    ],
)
def test_there_are_four_verdicts(centre, sd, verdict):
    assert judge(spread_around(centre, sd)).verdict == verdict


def test_a_difference_that_is_certain_but_smaller_than_the_margin_is_equivalent():
    judgement = judge(spread_around(0.01, 0.001))
    assert judgement.p_difference_adjusted < 0.001
    assert judgement.interval.low > 1
    assert judgement.verdict == Verdict.EQUIVALENT


def test_a_difference_that_may_be_smaller_or_larger_than_the_margin_is_a_difference():
    judgement = judge(spread_around(0.03, 0.02))
    assert judgement.interval.low < 1 + MARGIN < judgement.interval.high
    assert judgement.verdict == Verdict.A_FASTER


@pytest.mark.parametrize("replicates", range(MIN_REPLICATES))
def test_too_few_replicates_are_never_significant_however_clear_they_look(replicates):
    judgement = judge(1.0 + 1e-3 * np.arange(replicates))
    assert judgement.verdict == Verdict.INCONCLUSIVE
    assert judgement.p_difference is None
    assert judgement.reason.startswith(f"{replicates} replicate")
    assert judgement.reason.endswith(f"at least {MIN_REPLICATES} are needed")


def test_identical_replicates_are_inconclusive_because_their_noise_is_unknown():
    judgement = judge(np.full(8, 0.5))
    assert judgement.verdict == Verdict.INCONCLUSIVE
    assert "identical" in judgement.reason


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_a_log_ratio_that_is_not_finite_makes_the_case_inconclusive_without_an_interval(broken):
    judgement = judge([*spread_around(0.5, 0.01), broken])
    assert judgement.verdict == Verdict.INCONCLUSIVE
    assert judgement.interval is None
    assert judgement.reason.startswith("1 of 9 replicates")


def test_a_difference_that_is_clear_alone_may_drown_among_many_cases():
    borderline = spread_around(0.06, 0.05)
    noise = [spread_around(0.0, 0.2, seed=seed) for seed in range(1, 12)]
    assert judge(borderline).verdict == Verdict.A_FASTER
    assert judge_family([borderline, *noise])[0].verdict == Verdict.INCONCLUSIVE


def test_a_case_that_cannot_be_tested_makes_no_other_verdict_harder():
    clear, untestable = spread_around(0.05, 0.055), np.array([0.1])
    alone, beside, _ = judge(clear), *judge_family([clear, untestable])
    assert beside == alone


@pytest.mark.slow
def test_of_a_family_without_any_difference_at_most_one_run_in_twenty_calls_one():
    rng = np.random.default_rng(3)
    runs, cases = 1000, 6
    alarms = 0
    for _ in range(runs):
        judgements = judge_family(list(rng.normal(0, 0.1, (cases, MIN_REPLICATES))))
        alarms += any(judgement.verdict != Verdict.INCONCLUSIVE for judgement in judgements)
    # Three standard errors above 5 % in 1000.
    assert alarms / runs <= 0.07


def test_a_ratio_at_the_margin_is_called_equivalent_at_most_once_in_twenty():
    rng = np.random.default_rng(4)
    judged = [judge(rng.normal(math.log(1 + MARGIN), 0.01, 8)).verdict for _ in range(1000)]
    assert judged.count(Verdict.EQUIVALENT) / len(judged) <= 0.07


@given(samples)
def test_swapping_the_sides_swaps_the_verdict(sample):
    there, back = judge(sample), judge(-sample)
    assert back.verdict == OPPOSITE[there.verdict]
    assert back.interval.estimate == pytest.approx(1 / there.interval.estimate)
    if there.interval.low is not None:
        assert back.interval.low == pytest.approx(1 / there.interval.high)


@given(samples, st.randoms(use_true_random=False))
def test_the_order_of_replicates_changes_nothing(sample, random):
    shuffled = random.sample(list(sample), len(sample))
    there, back = judge(sample), judge(shuffled)
    assert back.verdict == there.verdict
    assert back.interval.estimate == pytest.approx(there.interval.estimate)


@pytest.mark.parametrize(
    ("margin", "alpha"), [(0, 0.05), (-0.1, 0.05), (0.03, 0), (0.03, 1), (math.nan, 0.05)]
)
def test_a_margin_or_alpha_out_of_range_is_refused(margin, alpha):
    with pytest.raises(ValueError, match="margin"):
        judge([0.1] * 8, margin=margin, alpha=alpha)
