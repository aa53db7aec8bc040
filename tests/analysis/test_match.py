"""The effects of a match: that they close, what must not move them, and what must show."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from harness.analysis.intervals import ratio_interval
from harness.analysis.match import gap_interval, total_effects, totals_differ, turn_error, typical_effects
from harness.analysis.statistics import MIN_REPLICATES

# A busy machine is not a bug.
NO_DEADLINE = settings(deadline=None)

both_effects = pytest.mark.parametrize("effects_of", [typical_effects, total_effects])


def times(fewest=2, most=6):
    """(turns, contenders) seconds, of at least and at most so many contenders."""
    shapes = st.tuples(st.integers(1, 12), st.integers(fewest, most))
    return shapes.flatmap(lambda shape: arrays(np.float64, shape, elements=st.floats(1e-3, 1e3)))


def some_left_out(sample_s, seed):
    """Each contender misses at most a quarter of the turns, none misses the last."""
    left_out = np.random.default_rng(seed).random(sample_s.shape) < 0.25
    left_out[-1] = False
    return left_out


@NO_DEADLINE
@given(times(), st.integers(0, 99))
@both_effects
def test_ratios_close_around_every_triangle(effects_of, sample_s, seed):
    effects = effects_of(sample_s, some_left_out(sample_s, seed))
    for a, b, c in permutations(effects, 3):
        product = math.exp(a - b) * math.exp(b - c) * math.exp(c - a)
        assert product == pytest.approx(1, abs=1e-9)
    assert effects.sum() == pytest.approx(0, abs=1e-9)


@NO_DEADLINE
@given(times(most=2), st.integers(0, 99))
def test_for_two_the_log_ratio_is_the_median_of_the_turns_that_both_took(sample_s, seed):
    left_out = some_left_out(sample_s, seed)
    first, second = typical_effects(sample_s, left_out)
    both = sample_s[~left_out.any(axis=1)]
    assert first - second == pytest.approx(np.median(np.log(both[:, 1] / both[:, 0])), abs=1e-9)


@NO_DEADLINE
@given(times())
def test_where_all_took_all_turns_an_effect_is_the_mean_of_medians_against_every_contender(sample_s):
    log_s = np.log(sample_s)
    medians = np.median(log_s[:, None, :] - log_s[:, :, None], axis=0)
    assert typical_effects(sample_s) == pytest.approx(medians.mean(axis=1), abs=1e-9)


def test_a_contender_that_takes_half_the_time_has_twice_the_speed():
    first, second = typical_effects([[1.0, 2.0], [1.5, 3.0], [2.0, 4.0]])
    assert math.exp(first - second) == pytest.approx(2)


@both_effects
def test_known_speeds_are_recovered_whatever_the_machine_does_from_turn_to_turn(effects_of):
    speeds = np.array([1.0, 1.05, 0.5, 3.0])
    machine = np.exp(np.random.default_rng(2).normal(0, 1, (16, 1)))
    left_out = np.zeros((16, 4), np.bool_)
    left_out[:4, 2] = True
    effects = effects_of(machine / speeds, left_out)
    assert effects - effects[0] == pytest.approx(np.log(speeds), abs=1e-12)


def test_small_differences_are_not_shrunk_by_noise():
    # Medians over the turns' own medians do: a contender in the middle often is the median.
    rng = np.random.default_rng(6)
    longer = np.log([1.0, 1.01, 1.02])
    found = [typical_effects(np.exp(longer + rng.normal(0, 0.03, (16, 3)))) for _ in range(2000)]
    mean, error = np.mean(found, axis=0), np.std(found, axis=0).max() / math.sqrt(2000)
    assert mean - mean[0] == pytest.approx(-longer, abs=5 * error)


@NO_DEADLINE
@given(times(), st.floats(1e-3, 1e3), st.integers(0, 99))
@both_effects
def test_a_contender_that_takes_c_times_as_long_moves_by_log_c_against_the_others_and_moves_no_other(
    effects_of, sample_s, slowdown, seed
):
    left_out = some_left_out(sample_s, seed)
    before = effects_of(sample_s, left_out)
    slowed = sample_s.copy()
    slowed[:, 0] *= slowdown
    after = effects_of(slowed, left_out)
    moved = (after - after[-1]) - (before - before[-1])
    assert moved == pytest.approx([-math.log(slowdown), *[0] * (len(before) - 1)], abs=1e-9)


@NO_DEADLINE
@given(times(), st.integers(0, 99))
def test_a_turn_that_is_slow_for_all_moves_nothing(sample_s, seed):
    machine = np.random.default_rng(seed).uniform(0.01, 100, (len(sample_s), 1))
    assert typical_effects(sample_s * machine) == pytest.approx(typical_effects(sample_s), abs=1e-9)


@NO_DEADLINE
@given(times(fewest=3), st.integers(0, 99))
@both_effects
def test_the_order_of_contenders_and_of_turns_changes_nothing(effects_of, sample_s, seed):
    rng = np.random.default_rng(seed)
    places, turns = rng.permutation(sample_s.shape[1]), rng.permutation(len(sample_s))
    assert effects_of(sample_s[turns][:, places]) == pytest.approx(effects_of(sample_s)[places], abs=1e-9)


def test_bursts_in_fewer_than_half_of_one_contenders_rounds_leave_its_ratios_among_the_others():
    quiet = np.random.default_rng(1).normal(1, 0.01, (15, 4))
    hit = quiet.copy()
    hit[:7, 0] *= 50
    effects, untouched = typical_effects(hit), typical_effects(quiet)
    assert np.abs(effects - untouched).max() < 0.03


@NO_DEADLINE
@given(times(fewest=3), st.integers(0, 99))
def test_no_contender_however_wild_moves_the_ratio_of_two_others_out_of_what_their_own_turns_show(
    sample_s, seed
):
    rng = np.random.default_rng(seed)
    quiet = np.exp(rng.normal(0, 0.02, (len(sample_s), 2)))
    effects = typical_effects(np.hstack([quiet, sample_s[:, 2:]]))
    own = np.log(quiet[:, 1] / quiet[:, 0])
    assert own.min() - 1e-9 <= effects[0] - effects[1] <= own.max() + 1e-9


@both_effects
@pytest.mark.parametrize("broken_s", [math.nan, math.inf, 0.0, -1.0])
def test_a_contender_with_a_broken_round_was_not_measured_and_the_others_do_without_it(effects_of, broken_s):
    whole = np.random.default_rng(3).uniform(1, 2, (8, 3))
    beside = np.column_stack([whole, [1.0] * 7 + [broken_s]])
    effects = effects_of(beside)
    assert math.isnan(effects[3])
    assert effects[:3] == pytest.approx(effects_of(whole))


@both_effects
def test_a_broken_round_that_is_left_out_breaks_nothing(effects_of):
    effects = effects_of([[math.nan, 1.0], [2.0, 1.0]], [[True, False], [False, False]])
    assert effects[1] - effects[0] == pytest.approx(math.log(2))


@both_effects
def test_a_contender_without_a_round_that_counts_was_not_measured(effects_of):
    effects = effects_of(np.ones((3, 3)), [[True, False, False]] * 3)
    assert np.isnan(effects).tolist() == [True, False, False]


def test_contenders_that_share_no_turn_are_compared_through_one_that_took_turns_with_both():
    sample_s = [[1.0, 2.0, 9.0], [9.0, 2.0, 6.0]]
    effects = typical_effects(sample_s, [[False, False, True], [True, False, False]])
    assert effects[0] - effects[2] == pytest.approx(math.log(6))


@both_effects
def test_contenders_that_share_no_turn_at_all_are_not_compared(effects_of):
    assert np.isnan(effects_of(np.ones((2, 2)), [[False, True], [True, False]])).all()


@both_effects
@pytest.mark.parametrize("sample_s", [[], [[]], [1.0, 2.0], [[1.0], [2.0]], np.ones((2, 2, 2))])
def test_times_that_are_not_turns_of_contenders_are_refused(effects_of, sample_s):
    with pytest.raises(ValueError, match="not turns of two contenders"):
        effects_of(sample_s)


@both_effects
def test_what_is_left_out_has_the_shape_of_the_times(effects_of):
    with pytest.raises(ValueError, match="left out has shape"):
        effects_of(np.ones((2, 3)), np.zeros((3, 2)))


# Totals


@NO_DEADLINE
@given(times())
def test_the_ratio_of_totals_is_that_of_the_sums(sample_s):
    effects, sums = total_effects(sample_s), sample_s.sum(axis=0)
    assert np.exp(effects[0] - effects) == pytest.approx(sums / sums[0])


def test_totals_are_of_the_turns_that_all_took():
    sample_s = np.array([[1.0, 100.0, 1.0], [1.0, 2.0, 3.0], [2.0, 2.0, 4.0]])
    left_out = np.zeros((3, 3), np.bool_)
    left_out[0, 1] = True
    assert total_effects(sample_s, left_out) == pytest.approx(total_effects(sample_s[1:]))


def matches_in_which_the_first_pays(share_of_turns, times_as_long, replicates=6, seed=4):
    """Typical log-ratios and those of totals of two contenders: the first one's turns that pay cost more."""
    rng = np.random.default_rng(seed)
    sample_s = np.exp(rng.normal(0, 0.02, (replicates, 1, 2)) + rng.normal(0, 0.02, (replicates, 20, 2)))
    sample_s[:, : round(20 * share_of_turns), 0] *= times_as_long
    pairs = [[typical_effects(match), total_effects(match)] for match in sample_s]
    return np.array([[first - second for first, second in pair] for pair in pairs]).T


def test_a_cost_in_a_quarter_of_one_contenders_rounds_hides_from_the_typical_ratio_and_shows_in_the_totals():
    typical, totals = matches_in_which_the_first_pays(share_of_turns=0.25, times_as_long=1.5)
    assert ratio_interval(typical).low > 0.95
    assert ratio_interval(totals).estimate == pytest.approx(1 / 1.125, abs=0.03)
    assert totals_differ(typical, totals)
    assert gap_interval(typical, totals).high < 1


def test_without_such_a_cost_typical_and_totals_differ_no_more_often_than_the_interval_says():
    told = [
        totals_differ(*matches_in_which_the_first_pays(share_of_turns=0, times_as_long=1, seed=seed))
        for seed in range(200)
    ]
    # Three standard errors above 5 % in 200.
    assert sum(told) / len(told) <= 0.10


def test_too_few_replicates_show_no_difference_of_typical_and_totals():
    fewer = MIN_REPLICATES - 1
    typical, totals = matches_in_which_the_first_pays(0.25, 1.5, replicates=fewer)
    assert not totals_differ(typical, totals)
    assert not totals_differ(typical[:1], totals[:1])


def test_typical_and_totals_of_different_matches_are_refused():
    with pytest.raises(ValueError, match="2 typical log-ratios and 3"):
        gap_interval([0.1, 0.2], [0.1, 0.2, 0.3])


@pytest.mark.slow
@pytest.mark.parametrize("contenders", [3, 6])
def test_the_interval_of_any_two_holds_the_truth_as_often_as_it_says_beside_a_wild_contender(contenders):
    simulations, replicates, turns, truth = 300, 5, 9, math.log(1.2)
    rng = np.random.default_rng(21)
    longer = rng.normal(0, 0.02, (simulations, replicates, 1, contenders))
    longer = longer + rng.normal(0, 0.03, (simulations, replicates, turns, contenders))
    longer[..., 0] -= truth
    longer[..., -1] += 0.5 * rng.standard_t(1.5, longer.shape[:-1])
    held = 0
    for matches in np.exp(longer):
        effects = np.array([typical_effects(match) for match in matches])
        interval = ratio_interval(effects[:, 0] - effects[:, 1])
        held += interval.low <= math.exp(truth) <= interval.high
    # Three Monte Carlo standard errors of 95 % in 300 are 3.8 %.
    assert 0.91 <= held / simulations <= 0.99


def test_the_turns_own_noise_is_how_a_match_of_other_turns_would_scatter():
    rng = np.random.default_rng(0)
    # What the turns share, and the speeds that processes are born with, are no part of it.
    matches = np.exp(rng.normal(0, 0.1, (2000, 40, 2)) + rng.normal(0, 1, (2000, 40, 1)))
    born = np.exp(rng.normal(0, 0.5, (2000, 1, 2)))
    scatter = np.std([np.diff(typical_effects(sample_s))[0] for sample_s in matches])
    errors = [turn_error(sample_s) for sample_s in matches * born]
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(scatter, rel=0.05)


def test_turns_that_do_not_count_and_those_that_one_missed_are_not_in_it():
    sample_s = np.exp(np.random.default_rng(0).normal(0, 0.1, (8, 2)))
    left_out = np.zeros(sample_s.shape, np.bool_)
    left_out[0, 0] = left_out[5, 1] = True
    wild = sample_s.copy()
    wild[[0, 5]] = 9.0
    assert turn_error(wild, left_out) == turn_error(sample_s, left_out)
    assert turn_error(sample_s, left_out) == turn_error(np.delete(sample_s, [0, 5], axis=0))


def test_two_turns_tell_no_noise():
    assert math.isnan(turn_error(np.ones((2, 2))))


def test_the_turns_noise_is_that_of_two():
    with pytest.raises(ValueError, match="3 contenders are not those of two"):
        turn_error(np.ones((5, 3)))
