"""The usual ways say what they are known to say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from harness.analysis.usual import Says, usual_calls


def called(a_s, b_s, **options):
    return {call.way: call for call in usual_calls(a_s, b_s, **options)}


def normal(seed, mean_s, count=16):
    return np.random.default_rng(seed).normal(mean_s, 0.05 * mean_s, count)


def test_welch_and_pyperf_are_the_two_t_tests_of_scipy():
    for seed in range(40):
        a_s, b_s = normal(seed, 1.0), normal(seed + 1000, 1.03, 24)
        calls = called(a_s, b_s)
        for way, equal in (("welch", False), ("pyperf", True)):
            different = stats.ttest_ind(a_s, b_s, equal_var=equal).pvalue <= 0.05
            assert (calls[way].says is not Says.NO_DIFFERENCE) == different
            assert calls[way].ratio == pytest.approx(b_s.mean() / a_s.mean())


def test_the_minimum_is_compared_with_the_margin():
    assert called([1.0, 2.0], [1.031, 2.0])["minimum"].says is Says.A_FASTER
    assert called([1.0, 2.0], [1.029, 2.0])["minimum"].says is Says.NO_DIFFERENCE
    assert called([1.0, 2.0], [1.029, 2.0], margin=0.02)["minimum"].says is Says.A_FASTER


def test_pytest_benchmark_fails_a_minimum_more_than_five_percent_above_the_others():
    assert called([1.0, 2.0], [1.049, 1.5])["pytest-benchmark"].says is Says.NO_DIFFERENCE
    assert called([1.0, 2.0], [1.051, 1.5])["pytest-benchmark"].says is Says.A_FASTER


@pytest.mark.parametrize("seed", range(5))
def test_swapping_the_sides_swaps_every_call_and_inverts_every_ratio(seed):
    a_s, b_s = normal(seed, 1.0), normal(seed + 50, 1.06)
    swapped = {Says.A_FASTER: Says.B_FASTER, Says.B_FASTER: Says.A_FASTER}
    there, back = called(a_s, b_s), called(b_s, a_s)
    for way, call in there.items():
        assert back[way].says is swapped.get(call.says, call.says)
        assert back[way].ratio == pytest.approx(1 / call.ratio)


def test_the_t_tests_err_one_time_in_twenty_where_rounds_are_independent():
    rng = np.random.default_rng(0)
    wrong = dict.fromkeys(("welch", "pyperf"), 0)
    for _ in range(2000):
        calls = called(rng.normal(1, 0.02, 16), rng.normal(1, 0.02, 16))
        for way in wrong:
            wrong[way] += calls[way].says is not Says.NO_DIFFERENCE
    for count in wrong.values():
        assert 0.035 < count / 2000 < 0.065


@pytest.mark.parametrize("bad", [[], [1.0], [1.0, 0.0], [1.0, float("nan")], [1.0, -1.0], [[1.0, 2.0]]])
def test_times_that_cannot_be_compared_are_refused(bad):
    with pytest.raises(ValueError, match="not 2 or more finite numbers"):
        usual_calls([1.0, 1.1], bad)
