"""An interval holds the truth as often as it says, and is SciPy's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from harness.analysis.intervals import product_interval, ratio_interval, replicates_within
from harness.analysis.match import typical_effects


@given(st.lists(st.floats(-2, 2), min_size=2, max_size=12).map(np.array), st.floats(0.5, 0.999))
def test_the_interval_is_scipys_t_interval_on_the_ratio_scale(sample, confidence):
    assume(np.ptp(sample) > 1e-6)
    interval = ratio_interval(sample, confidence)
    oracle = stats.ttest_1samp(sample, 0).confidence_interval(confidence)
    assert interval.low == pytest.approx(math.exp(oracle.low))
    assert interval.high == pytest.approx(math.exp(oracle.high))


def test_half_the_width_is_read_in_percent_of_the_ratio():
    interval = ratio_interval([0.28, 0.29, 0.32, 0.31])
    assert interval.high == pytest.approx(interval.estimate * (1 + interval.half_width))
    assert interval.low == pytest.approx(interval.estimate / (1 + interval.half_width))


@pytest.mark.parametrize("sample", [[0.1], [0.1, 0.1, 0.1]])
def test_replicates_that_cannot_bound_the_ratio_give_an_estimate_without_bounds(sample):
    interval = ratio_interval(sample)
    assert interval.estimate == pytest.approx(math.exp(0.1))
    assert (interval.low, interval.high, interval.half_width) == (None, None, None)


@pytest.mark.parametrize("sample", [[], [0.1, math.nan], [0.1, math.inf], [[0.1], [0.2]]])
def test_an_interval_of_what_was_not_measured_is_refused(sample):
    with pytest.raises(ValueError, match="log-ratios"):
        ratio_interval(sample)


@pytest.mark.parametrize("confidence", [0, 1, 95, math.nan])
def test_a_confidence_outside_0_to_1_is_refused(confidence):
    with pytest.raises(ValueError, match="confidence"):
        ratio_interval([0.1, 0.2], confidence)


@pytest.mark.slow
@pytest.mark.parametrize("replicates", [5, 10])
def test_the_interval_holds_the_truth_as_often_as_it_says_when_processes_differ_and_rounds_burst(replicates):
    simulations, rounds, truth = 2000, 9, math.log(1.2)
    rng = np.random.default_rng(20)
    born = rng.normal(0, 0.02, (simulations, replicates, 1, 2))
    bursts = rng.exponential(1, (simulations, replicates, rounds, 2)) * (
        rng.random((simulations, replicates, rounds, 2)) < 0.1
    )
    wall_s = np.exp(born + bursts + rng.normal(0, 0.03, bursts.shape))
    wall_s[..., 0] /= math.exp(truth)
    held = 0
    for matches in wall_s:
        interval = ratio_interval([first - second for first, second in map(typical_effects, matches)])
        held += interval.low <= math.exp(truth) <= interval.high
    # Three Monte Carlo standard errors of 95 % in 2000 are 1.5 %.
    assert 0.935 <= held / simulations <= 0.965


@pytest.mark.parametrize("share", [0.3, 0.05, 0.02, 0.003])
def test_so_many_replicates_that_vary_alike_make_the_interval_as_narrow_as_asked_and_one_less_does_not(share):
    sample = np.array([0.0, 0.03, -0.01, 0.04, 0.02])

    def half_width(replicates):
        reach = stats.t.ppf(0.975, replicates - 1) * sample.std(ddof=1) / np.sqrt(replicates)
        return np.expm1(reach)

    needed = replicates_within(sample, share)
    assert half_width(needed) <= share
    assert needed == 2 or half_width(needed - 1) > share


def test_the_interval_of_a_product_reaches_as_far_as_both_factors_t_intervals_added_in_squares():
    rng = np.random.default_rng(3)
    one, other = rng.normal(1.0, 0.5, 5), rng.normal(-0.4, 0.1, 12)
    found = product_interval(one, other, 0.9)
    each = [stats.ttest_1samp(sample, 0).confidence_interval(0.9) for sample in (one, other)]
    reach = math.hypot(*((interval.high - interval.low) / 2 for interval in each))
    assert math.log(found.estimate) == pytest.approx(one.mean() + other.mean())
    assert (math.log(found.low), math.log(found.high)) == pytest.approx(
        (math.log(found.estimate) - reach, math.log(found.estimate) + reach)
    )
    assert found.replicates == 5


@pytest.mark.parametrize("spreads", [(0.3, 0.1), (0.1, 0.1), (0.02, 0.1)])
def test_the_interval_of_a_product_holds_the_truth_as_often_as_it_says(spreads):
    """Three seeds and twelve replicates; a product of logarithms that are 0 on average is 1."""
    rng = np.random.default_rng(4)
    one, other = spreads
    samples = zip(rng.normal(0.0, one, (4000, 3)), rng.normal(0.0, other, (4000, 12)), strict=True)
    held = [found.low <= 1.0 <= found.high for found in (product_interval(*both) for both in samples)]
    assert 0.94 <= np.mean(held) <= 0.985


def test_a_product_of_which_one_factor_has_no_spread_has_the_interval_of_the_other():
    alone, both = ratio_interval([0.1, 0.2, 0.4]), product_interval([1.0, 1.0], [0.1, 0.2, 0.4])
    assert (both.low, both.high) == pytest.approx((math.e * alone.low, math.e * alone.high))


def test_a_product_without_any_spread_or_with_one_number_has_no_interval():
    assert product_interval([0.1, 0.1], [0.2, 0.2]).low is None
    assert product_interval([0.1], [0.2, 0.3]).low is None


@pytest.mark.parametrize("samples", [([], [1.0]), ([1.0], [math.nan])])
def test_logarithms_that_are_missing_are_refused(samples):
    with pytest.raises(ValueError, match="not some finite numbers"):
        product_interval(*samples)
