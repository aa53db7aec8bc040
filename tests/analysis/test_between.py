"""Two samples that nothing pairs: against an outside oracle, by coverage, and by what must not matter."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from harness.analysis.between import Contrast, obstacle
from harness.analysis.statistics import MIN_REPLICATES

ENOUGH = [8.0, 8.1, 8.2, 8.3, 8.4, 8.5]

samples = st.lists(st.floats(5, 9), min_size=MIN_REPLICATES, max_size=12).map(np.array)


@pytest.mark.slow
@given(samples, samples)
def test_it_is_welchs_test_as_scipy_makes_it(a, b):
    assume(np.ptp(a) > 1e-6)
    assume(np.ptp(b) > 1e-6)
    contrast, oracle = Contrast.of(a, b), stats.ttest_ind(b, a, equal_var=False)
    assert contrast.p_difference == pytest.approx(oracle.pvalue)
    expected = oracle.confidence_interval(0.95)
    assert contrast.interval(0.95) == pytest.approx((math.exp(expected.low), math.exp(expected.high)))


@given(samples, samples)
def test_swapping_the_runs_inverts_ratio_and_interval(a, b):
    assume(min(np.ptp(a), np.ptp(b)) > 1e-6)
    there, back = Contrast.of(a, b), Contrast.of(b, a)
    assert there.ratio == pytest.approx(1 / back.ratio)
    assert there.interval() == pytest.approx(tuple(1 / end for end in reversed(back.interval())))
    assert there.p_equivalence(0.03) == pytest.approx(back.p_equivalence(0.03))


@pytest.mark.parametrize("share", [0.02, 0.05, 0.2])
def test_a_run_is_surely_slower_exactly_when_the_whole_interval_lies_beyond(share):
    rng, alpha = np.random.default_rng(3), 0.05
    cleared = set()
    for centre in np.linspace(0, -0.3, 60):
        contrast = Contrast.of(rng.normal(8, 0.02, 6), rng.normal(8 + centre, 0.02, 6))
        beyond = contrast.interval(1 - alpha)[1] < 1 / (1 + share)
        assert beyond == (contrast.p_slower(share) < alpha / 2)
        cleared.add(beyond)
    assert cleared == {True, False}


@pytest.mark.parametrize(
    ("sizes", "spreads"),
    [((5, 5), (0.02, 0.02)), ((5, 5), (0.01, 0.05)), ((5, 20), (0.05, 0.01)), ((20, 5), (0.02, 0.02))],
)
def test_the_interval_holds_the_truth_as_often_as_it_says_however_unlike_the_runs_are(sizes, spreads):
    simulations, truth = 3000, math.log(0.9)
    rng = np.random.default_rng(20)
    held = 0
    for _ in range(simulations):
        a, b = rng.normal(8, spreads[0], sizes[0]), rng.normal(8 + truth, spreads[1], sizes[1])
        low, high = Contrast.of(a, b).interval(0.95)
        held += low <= math.exp(truth) <= high
    # Four standard errors of a simulated share below what is claimed, and not needlessly wide.
    assert 0.934 < held / simulations < 0.99


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        ([8.0, 8.1, 8.2, 8.3], ENOUGH, "A has 4 replicates"),
        (ENOUGH, [8.0], "B has 1 replicate;"),
        ([8.0] * 6, ENOUGH, "all 6 replicates of A are identical"),
        ([*ENOUGH[:-1], math.nan], ENOUGH, "not a number above zero"),
    ],
)
def test_what_cannot_be_judged_is_said(a, b, said):
    assert said in obstacle(np.array(a), np.array(b))


def test_a_contrast_without_noise_is_refused():
    with pytest.raises(ValueError, match="identical"):
        Contrast.of([8.0, 8.0], [8.0, 8.1])
