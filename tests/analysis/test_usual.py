"""The usual ways say what they are known to say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pytest_benchmark.utils import parse_compare_fail
from scipy import stats

from harness.analysis.usual import Says, usual_calls

T_TESTS = {"welch": False, "pyperf": True}
MINIMA = ("minimum", "pytest-benchmark")
OTHER_SIDE = {
    Says.FIRST_FASTER: Says.SECOND_FASTER,
    Says.SECOND_FASTER: Says.FIRST_FASTER,
    Says.NO_DIFFERENCE: Says.NO_DIFFERENCE,
}


def called(a_s, b_s, **options):
    return {call.way: call for call in usual_calls(a_s, b_s, **options)}


def said(way, a_min_s, b_min_s, **options):
    """What a way says of sides with these minima."""
    return called([a_min_s, 2.0], [9.0, b_min_s], **options)[way].says


def normal(seed, mean_s, count=16):
    return np.random.default_rng(seed).normal(mean_s, 0.05 * mean_s, count)


def different_share(draw, *, tries, way):
    """How often the way calls two sides different that were drawn alike."""
    calls = (called(draw(), draw())[way].says for _ in range(tries))
    return sum(says is not Says.NO_DIFFERENCE for says in calls) / tries


@pytest.mark.parametrize(("way", "equal_variances"), T_TESTS.items())
def test_welch_and_pyperf_are_the_two_t_tests_of_scipy(way, equal_variances):
    verdicts = set()
    for seed in range(40):
        a_s, b_s = normal(seed, 1.0), normal(seed + 1000, 1.03, 24)
        call = called(a_s, b_s)[way]
        different = stats.ttest_ind(a_s, b_s, equal_var=equal_variances).pvalue <= 0.05
        assert (call.says is not Says.NO_DIFFERENCE) == different
        assert call.ratio == pytest.approx(b_s.mean() / a_s.mean())
        verdicts.add(call.says)
    assert {Says.FIRST_FASTER, Says.NO_DIFFERENCE} <= verdicts


@pytest.mark.parametrize("way", T_TESTS)
def test_the_t_tests_call_a_difference_from_their_critical_value_on(way):
    # By hand: either side's variance is 5/3, so the difference's standard error is sqrt(2 * 5/3 / 4),
    # and 6 degrees of freedom have the critical value 2.446912.
    a_s, critical_s = np.array([1.0, 2.0, 3.0, 4.0]), 2.446912 * math.sqrt(5 / 6)
    assert called(a_s, a_s + critical_s * 1.00001)[way].says is Says.FIRST_FASTER
    assert called(a_s, a_s + critical_s * 0.99999)[way].says is Says.NO_DIFFERENCE


def test_only_pyperf_takes_a_few_wild_rounds_for_as_calm_as_the_many_others():
    wild_s, calm_s = [1.0, 1.6, 1.0, 1.6], np.tile([1.0, 1.02], 40)
    calls = called(wild_s, calm_s)
    assert calls["pyperf"].says is Says.SECOND_FASTER
    assert calls["welch"].says is Says.NO_DIFFERENCE


def test_pyperf_tests_sides_of_unequally_many_rounds_too():
    a_s = normal(0, 1.0, 16)
    assert called(a_s, a_s[:-1])["pyperf"].says is Says.NO_DIFFERENCE


@pytest.mark.parametrize("way", T_TESTS)
def test_rounds_without_spread_differ_when_their_times_do(way):
    assert called([0.25, 0.25], [0.5, 0.5])[way].says is Says.FIRST_FASTER
    assert called([0.25, 0.25], [0.25, 0.25])[way].says is Says.NO_DIFFERENCE


@pytest.mark.parametrize("way", MINIMA)
def test_the_minima_are_compared_whatever_the_other_rounds_took(way):
    call = called([3.0, 1.0, 50.0], [1.25, 1.3])[way]
    assert (call.says, call.ratio) == (Says.FIRST_FASTER, 1.25)


def test_a_minimum_more_than_the_margin_above_the_other_is_slower():
    assert said("minimum", 1.0, 1.03) is Says.NO_DIFFERENCE
    assert said("minimum", 1.0, math.nextafter(1.03, 2)) is Says.FIRST_FASTER
    assert said("minimum", 1.03, 1.0) is Says.NO_DIFFERENCE
    assert said("minimum", math.nextafter(1.03, 2), 1.0) is Says.SECOND_FASTER


def test_the_margin_of_the_minimum_can_be_set_down_to_none():
    assert said("minimum", 1.0, 1.25, margin=0.25) is Says.NO_DIFFERENCE
    assert said("minimum", 1.0, math.nextafter(1.0, 2), margin=0.0) is Says.FIRST_FASTER
    assert said("minimum", 1.0, 1.0, margin=0.0) is Says.NO_DIFFERENCE


def test_the_margin_is_no_concern_of_pytest_benchmark():
    assert said("pytest-benchmark", 1.0, 1.06, margin=0.25) is Says.FIRST_FASTER


def test_pytest_benchmark_fails_exactly_the_runs_that_the_tool_itself_fails():
    check, rng = parse_compare_fail("min:5%"), np.random.default_rng(0)
    for a_s, b_s in [(1.0, 1.05), (1.05, 1.0), *rng.uniform(0.95, 1.05, (200, 2)).tolist()]:
        a_run, b_run = {"min": a_s}, {"min": b_s}
        says = said("pytest-benchmark", a_s, b_s)
        assert (says is Says.FIRST_FASTER) == bool(check.fails(current=b_run, compared=a_run))
        assert (says is Says.SECOND_FASTER) == bool(check.fails(current=a_run, compared=b_run))


def test_five_percent_of_pytest_benchmark_are_five_of_the_faster_run():
    assert said("pytest-benchmark", 1.0, 0.951) is Says.SECOND_FASTER  # 4.9 % of a, 5.2 % of b
    assert said("pytest-benchmark", 0.951, 1.0) is Says.FIRST_FASTER
    assert said("pytest-benchmark", 1.0, 0.953) is Says.NO_DIFFERENCE  # 4.9 % of b


@pytest.mark.parametrize("seed", range(10))
def test_swapping_the_sides_swaps_every_call_and_inverts_every_ratio(seed):
    a_s, b_s = normal(seed, 1.0), normal(seed + 50, 1.06, 20)
    there, back = called(a_s, b_s), called(b_s, a_s)
    for way, call in there.items():
        assert back[way].says is OTHER_SIDE[call.says]
        assert back[way].ratio == pytest.approx(1 / call.ratio)


@pytest.mark.parametrize("way", T_TESTS)
def test_the_t_tests_err_one_time_in_twenty_where_rounds_are_independent(way):
    rng = np.random.default_rng(0)
    share = different_share(lambda: rng.normal(1, 0.02, 16), tries=1000, way=way)
    assert 0.03 < share < 0.07  # three standard errors around 5 %


@pytest.mark.parametrize("way", T_TESTS)
def test_the_t_tests_err_most_of_the_time_where_processes_differ_as_much_as_rounds(way):
    rng = np.random.default_rng(0)
    share = different_share(lambda: rng.normal(rng.normal(1, 0.02), 0.02, 16), tries=200, way=way)
    assert share > 0.5


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ([], r"rounds of b have shape \(0,\), not one row of 2 or more"),
        ([1.0], r"rounds of b have shape \(1,\)"),
        ([[1.0, 2.0]], r"rounds of b have shape \(1, 2\)"),
        ([1.0, 0.0], r"a round of b took 0\.0 s, not a finite number above zero"),
        ([1.0, -1.5], r"took -1\.5 s"),
        ([1.0, math.nan], "took nan s"),
        ([1.0] * 5000 + [math.inf] + [1.0] * 5000, "took inf s"),
    ],
)
def test_times_that_cannot_be_compared_are_refused_by_name(bad, told):
    with pytest.raises(ValueError, match=told):
        usual_calls([1.0, 1.1], bad)
    with pytest.raises(ValueError, match=told.replace("of b", "of a")):
        usual_calls(bad, [1.0, 1.1])


@pytest.mark.parametrize("margin", [-0.01, math.nan, math.inf])
def test_a_margin_that_is_none_is_refused(margin):
    with pytest.raises(ValueError, match=f"margin {margin} is not"):
        usual_calls([1.0, 1.1], [1.0, 1.1], margin=margin)
