"""How many turns a match is worth, by what the run's own matches have cost and shown."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.analysis.statistics import MIN_REPLICATES
from harness.engine.known import FEWEST_LONG_TURNS, FEWEST_TURNS, MOST_TURNS, Cost, Known


def run(*, between, within, start_s=8.0, turn_s=0.2, turns=20, replicates=2000):
    """What a run knows of a kind whose replicates and turns vary so much, as log-ratios."""
    rng = np.random.default_rng(1)
    known = Known()
    for _ in range(replicates):
        log_ratio = rng.normal(0.1, math.hypot(between, within / math.sqrt(turns)))
        cost = Cost(turns=turns, turns_s=turns * turn_s, rest_s=start_s)
        known.record("kind", cost, log_ratio, within / math.sqrt(turns))
    return known


def asked(known, kind="kind", start_s=1.0, turn_s=1.0):
    return known.turns(kind, start_s=start_s, turn_s=turn_s)


def test_turns_are_those_of_kalibera_and_jones():
    """Start over turn is 40, and the variance of turns 25 times that between replicates."""
    assert asked(run(between=0.03, within=0.15)) == pytest.approx(math.sqrt(40 * 25), rel=0.15)


def test_their_number_is_the_cheapest_for_a_given_error():
    between, within, start_s, turn_s = 0.03, 0.15, 8.0, 0.2
    found = asked(run(between=between, within=within, start_s=start_s, turn_s=turn_s))

    def price(turns):
        return (start_s + turns * turn_s) * (between**2 + within**2 / turns)

    cheapest = min(range(1, 200), key=price)
    assert price(found) <= 1.02 * price(cheapest)


def test_where_only_turns_vary_they_are_many_and_where_only_replicates_do_few():
    assert asked(run(between=0.0, within=0.2, turns=60)) == MOST_TURNS
    assert asked(run(between=0.2, within=0.01)) == FEWEST_TURNS


def test_at_least_half_of_what_varies_is_held_to_be_between_replicates():
    """Start over turn is 40, and a turn of 20 varies 40 times as much as half of their median does."""
    assert asked(run(between=0.0, within=0.2, turns=20)) == pytest.approx(math.sqrt(40 * 40), rel=0.05)


def test_turns_of_seconds_are_few():
    assert asked(run(between=0.05, within=0.05, turn_s=10.0)) == FEWEST_LONG_TURNS


def test_until_there_are_replicates_enough_what_is_told_of_the_match_itself_decides():
    few = run(between=0.0, within=0.2, replicates=MIN_REPLICATES - 1)
    assert (
        asked(few, start_s=4.0, turn_s=0.2)
        == asked(Known(), start_s=4.0, turn_s=0.2)
        == math.ceil(math.sqrt(20 * 10))
    )
    assert asked(Known(), start_s=4.0, turn_s=10.0) == FEWEST_LONG_TURNS


def test_kinds_keep_apart():
    known = run(between=0.0, within=0.2)
    assert asked(known, "another", start_s=1.0, turn_s=1.0) == FEWEST_TURNS


def test_replicates_that_agree_to_the_last_bit_are_worth_all_turns():
    known = Known()
    for _ in range(MIN_REPLICATES):
        known.record("kind", Cost(turns=20, turns_s=4.0, rest_s=4.0), 0.1, 0.01)
    assert asked(known) == MOST_TURNS


def test_the_ratios_of_several_frameworks_decide_together():
    """It is between what each would be worth."""
    few, many = (asked(run(between=of, within=0.1)) for of in (0.03, 0.02))
    known, rng = run(between=0.03, within=0.1), np.random.default_rng(2)
    for _ in range(2000):
        cost = Cost(turns=20, turns_s=4.0, rest_s=8.0)
        log_ratio = rng.normal(0.1, math.hypot(0.02, 0.1 / math.sqrt(20)))
        known.record("kind", cost, log_ratio, 0.1 / math.sqrt(20), (0, 2))
    assert few < asked(known) < many
