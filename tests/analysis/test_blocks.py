"""Hosts as blocks: against an outside oracle, by coverage, and by what must not matter."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from harness.analysis.across import against
from harness.analysis.blocks import Known, variation
from harness.analysis.intervals import ratio_interval
from harness.analysis.statistics import Verdict, judge_family

blocks = st.lists(st.lists(st.floats(-2, 2), min_size=1, max_size=6), min_size=2, max_size=5)


def together(found):
    """Replicates and hosts of these blocks."""
    hosts = [f"host-{number}" for number, block in enumerate(found) for _ in block]
    return np.array([value for block in found for value in block]), hosts


@given(st.lists(st.floats(-2, 2), min_size=2, max_size=12).map(np.array))
def test_of_one_host_it_is_the_t_of_its_replicates(sample):
    assume(np.ptp(sample) > 1e-6)
    oracle = stats.ttest_1samp(sample, 0)
    for hosts in (None, ["one"] * sample.size):
        known = Known.of(sample, hosts)
        assert known.p_difference == pytest.approx(oracle.pvalue)
        assert known.reach(0.95) == pytest.approx(np.ptp(oracle.confidence_interval(0.95)) / 2)


@given(blocks)
def test_it_is_never_narrower_than_the_t_of_the_hosts_means_nor_than_these_hosts_alone(found):
    means = [np.mean(block) for block in found]
    assume(np.ptp(means) > 1e-6)
    sample, hosts = together(found)
    known, here = Known.of(sample, hosts), Known.here(sample, hosts)
    oracle = stats.ttest_1samp(means, 0)
    widest = max(np.ptp(oracle.confidence_interval(0.95)) / 2, here.reach(0.95) or 0.0)
    assert known.mean == pytest.approx(here.mean) == pytest.approx(np.mean(means))
    assert known.reach(0.95) == pytest.approx(widest)
    assert known.p_difference >= oracle.pvalue - 1e-12


@given(blocks, st.randoms())
def test_neither_the_order_of_replicates_nor_the_names_of_hosts_matter(found, random):
    sample, hosts = together(found)
    order = list(range(sample.size))
    random.shuffle(order)
    there = Known.of(sample, hosts)
    back = Known.of(sample[order], [hosts[place][::-1] for place in order])
    assert back.mean == pytest.approx(there.mean)
    assert (back.reach(0.95) or 0) == pytest.approx(there.reach(0.95) or 0)


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.98])
def test_a_difference_is_shown_exactly_when_the_interval_leaves_out_one(confidence):
    rng, shown = np.random.default_rng(4), set()
    for centre in np.linspace(0, 0.2, 40):
        sample, hosts = together([centre + rng.normal(0, 0.02, 4) for _ in range(4)])
        known = Known.of(sample, hosts)
        low, high = known.interval(confidence)
        assert (low > 1 or high < 1) == (known.p_difference < 1 - confidence)
        shown.add(low > 1)
    assert shown == {True, False}


@pytest.mark.parametrize("host_sd", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("hosts", [2, 3, 5, 8])
def test_the_interval_holds_the_ratio_of_the_kind_however_much_its_hosts_differ(hosts, host_sd):
    rng, simulations, held = np.random.default_rng(hosts), 1500, 0
    for _ in range(simulations):
        own = host_sd * 0.02 * rng.normal(size=hosts)
        sample, names = together([one + rng.normal(0, 0.02, rng.integers(4, 9)) for one in own])
        low, high = Known.of(sample, names).interval(0.95)
        held += low <= 1 <= high
    # Three standard errors of a simulated share below what is claimed.
    assert held / simulations > 0.933


def test_the_interval_of_these_hosts_does_not_grow_with_what_they_differ_by():
    near, hosts = together([[0.10, 0.12], [0.11, 0.13]])
    far, _ = together([[0.10, 0.12], [0.51, 0.53]])
    assert Known.here(far, hosts).reach(0.95) == pytest.approx(Known.here(near, hosts).reach(0.95))
    assert Known.of(far, hosts).reach(0.95) > 5 * Known.of(near, hosts).reach(0.95)


def test_what_varies_is_told_apart():
    rng = np.random.default_rng(1)
    sample, hosts = together([one + rng.normal(0, 0.02, 6) for one in rng.normal(0, 0.05, 400)])
    found = variation(sample, hosts)
    assert found.within == pytest.approx(0.02, rel=0.05)
    assert found.between == pytest.approx(0.05, rel=0.1)


@pytest.mark.parametrize(
    ("found", "within", "between"),
    [
        ([[0.1, 0.3]], math.sqrt(0.02), None),
        ([[0.1], [0.2]], None, None),
        ([[0.1, 0.3], [0.1, 0.3]], math.sqrt(0.02), 0.0),
    ],
)
def test_what_cannot_be_told_of_the_variation_is_not_invented(found, within, between):
    known = variation(*together(found))
    assert known.within == (None if within is None else pytest.approx(within))
    assert known.between == between


def test_hosts_that_differ_leave_a_case_open_that_their_replicates_would_decide():
    found = [[0.30, 0.31, 0.29], [0.22, 0.21, 0.23]]
    sample, hosts = together(found)
    (alone,), (blocked,) = judge_family([sample]), judge_family([sample], hosts=[hosts])
    assert alone.verdict == Verdict.A_FASTER
    assert blocked.verdict == Verdict.INCONCLUSIVE
    assert blocked.interval.estimate == pytest.approx(alone.interval.estimate)
    assert blocked.interval.replicates == 6


def test_a_ratio_of_hosts_with_one_replicate_each_is_bounded_by_what_they_differ_by():
    interval = ratio_interval([0.1, 0.2, 0.3], hosts=["a", "b", "c"])
    alone = ratio_interval([0.1, 0.2, 0.3])
    assert (interval.low, interval.high) == pytest.approx((alone.low, alone.high))


@pytest.mark.parametrize("host_sd", [0.0, 2.0])
@pytest.mark.parametrize("hosts", [(2, 2), (2, 5), (1, 4)])
def test_kinds_that_are_alike_are_called_different_no_more_often_than_allowed(hosts, host_sd):
    rng, simulations, called = np.random.default_rng(sum(hosts)), 1500, 0
    for _ in range(simulations):
        sides = []
        for count in hosts:
            # A kind of which one host was measured is that host.
            own = host_sd * 0.02 * rng.normal(size=count) * (count > 1)
            sides.append(Known.of(*together([one + rng.normal(0, 0.02, 6) for one in own])))
        called += against((sides[0], 6), (sides[1], 6), 0.95)["p_value"] < 0.05
    # Three standard errors of a simulated share above what is claimed.
    assert called / simulations < 0.067
