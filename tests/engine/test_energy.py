"""Energy is measured when the rounds are done: seconds on end, in balanced turns of all that stand."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import pytest

from harness.engine.energy import measure_energy


def seated(*failures, as_printed=False):
    """Seats, one a failure or None, that note in one list whose block it was and for how long."""
    blocks = []

    def seat(number, failed):
        return SimpleNamespace(
            failure=failed,
            case=SimpleNamespace(as_printed=as_printed),
            train_block=lambda least_s: blocks.append((number, least_s)),
        )

    return {number: seat(number, failed) for number, failed in enumerate(failures)}, blocks


def test_each_of_two_goes_first_once_and_trains_longer_than_the_sensors_take_to_settle():
    seats, blocks = seated(None, None)
    measure_energy(seats, "seed")
    order = [number for number, _ in blocks]
    assert order in ([0, 1, 1, 0], [1, 0, 0, 1])
    assert all(least_s > 2 for _, least_s in blocks)


@pytest.mark.parametrize("size", [3, 4])
def test_all_contenders_of_a_match_have_equally_many_blocks(size):
    seats, blocks = seated(*[None] * size)
    measure_energy(seats, "seed")
    assert Counter(number for number, _ in blocks) == dict.fromkeys(range(size), 2)


def test_one_of_two_that_failed_leaves_nothing_to_compare():
    seats, blocks = seated(None, "out of memory")
    measure_energy(seats, "seed")
    assert blocks == []


def test_one_of_three_that_failed_leaves_the_others_to_be_measured():
    seats, blocks = seated(None, "out of memory", None)
    measure_energy(seats, "seed")
    assert Counter(number for number, _ in blocks) == {0: 2, 2: 2}


def test_a_listing_has_no_epochs_beyond_its_own_to_train_on():
    seats, blocks = seated(None, None, as_printed=True)
    measure_energy(seats, "seed")
    assert blocks == []
