"""Turns are balanced, random and repeatable."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise, permutations

import pytest

from harness.engine.turns import turns

TWO = ("tensorflow", "pytorch")


def test_every_two_turns_of_two_hold_both_orders():
    order = list(turns(TWO, 20, "seed"))
    for block in range(0, 20, 2):
        assert set(order[block : block + 2]) == {TWO, TWO[::-1]}


@pytest.mark.parametrize(("size", "block"), [(2, 2), (3, 6), (4, 4), (5, 10), (6, 6), (7, 14), (12, 12)])
def test_in_a_block_each_holds_each_place_and_follows_each_other_equally_often(size, block):
    order = list(turns(range(size), 3 * block, "seed"))
    for begin in range(0, 3 * block, block):
        held = order[begin : begin + block]
        assert all(sorted(turn) == list(range(size)) for turn in held)
        places = Counter((one, place) for turn in held for place, one in enumerate(turn))
        assert {places[one, place] for one in range(size) for place in range(size)} == {block // size}
        follows = Counter(two for turn in held for two in pairwise(turn))
        assert {follows[two] for two in permutations(range(size), 2)} == {block // size}


def test_no_two_blocks_need_be_alike():
    order = list(turns(range(4), 40, "seed"))
    assert len({tuple(order[begin : begin + 4]) for begin in range(0, 40, 4)}) > 5


@pytest.mark.parametrize("size", [2, 3, 4])
def test_who_opens_a_block_is_random(size):
    openers = Counter(next(turns(range(size), 1, f"seed {i}"))[0] for i in range(400))
    # Six standard deviations of 400 fair draws.
    fair = 400 / size
    reach = 6 * (fair * (1 - 1 / size)) ** 0.5
    assert all(abs(openers[one] - fair) < reach for one in range(size))


def test_the_same_seed_gives_the_same_turns():
    assert list(turns(TWO, 7, "a")) == list(turns(TWO, 7, "a"))


@pytest.mark.parametrize("size", [2, 3, 4])
def test_a_count_that_is_no_whole_block_is_cut_short_not_rounded(size):
    assert len(list(turns(range(size), 5, "a"))) == 5
