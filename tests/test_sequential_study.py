"""The study's sequential t-test is what it should be: a fair game that ends as the planned test does."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from harness.analysis.statistics import MIN_REPLICATES, judge
from studies.sequential_study import ALPHA, SURE, sequential, with_caution

PLANNED = 12


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_at_the_planned_end_it_is_the_t_test(rng):
    sample = rng.normal(0.02, 0.03, (200, PLANNED))
    rejected = ttest_1samp(sample, 0, axis=-1).pvalue <= ALPHA
    assert list(sequential(sample, ALPHA, rng)[:, -1] == 1) == list(rejected)
    assert 0 < rejected.sum() < len(rejected)


def test_before_it_is_what_the_test_will_be_on_average_where_nothing_differs(rng):
    """A martingale: at every look its mean is the level, whatever the noise's unit."""
    for unit in (0.001, 1.0):
        chances = sequential(rng.normal(0, unit, (4000, PLANNED)), ALPHA, rng)
        assert chances.mean(axis=0) == pytest.approx(np.full(PLANNED - MIN_REPLICATES + 1, ALPHA), abs=0.012)


@pytest.mark.slow
def test_it_says_how_often_cases_that_look_alike_by_then_are_rejected_in_the_end(rng):
    samples = rng.normal(0, 1, (40_000, PLANNED))
    chances = sequential(samples, ALPHA, rng)
    likely = (chances[:, 2] > 0.2) & (chances[:, 2] < 0.4)
    assert likely.sum() > 500
    assert chances[likely, -1].mean() == pytest.approx(chances[likely, 2].mean(), abs=0.06)


def test_ending_when_it_is_nearly_sure_errs_no_more_often_than_the_planned_test(rng):
    chances = sequential(rng.normal(0, 1, (10_000, PLANNED)), ALPHA, rng)
    # Three standard errors of ten thousand are 0.7 %.
    assert (chances >= SURE).any(axis=-1).mean() < ALPHA / SURE + 0.007


def test_the_engines_rule_beside_it_is_that_of_the_harness(rng):
    samples = rng.normal(0.03, 0.03, (50, 8))
    for sample, looks in zip(samples, with_caution(samples), strict=True):
        for count, rejects in enumerate(looks, MIN_REPLICATES):
            assert bool(rejects) == (judge(sample[:count]).p_difference_adjusted <= ALPHA)
