"""Turns are balanced, random and repeatable."""

from __future__ import annotations

from collections import Counter

from harness.engine.pairing import turns

SIDES = ("tensorflow", "pytorch")


def test_every_two_turns_hold_both_orders():
    order = list(turns(SIDES, 20, "seed"))
    for block in range(0, 20, 2):
        assert set(order[block : block + 2]) == {SIDES, SIDES[::-1]}


def test_which_side_opens_a_block_is_random():
    openers = Counter(next(turns(SIDES, 1, f"seed {i}"))[0] for i in range(400))
    # 400 fair draws: outside 140..260 has a probability below 1e-8.
    assert 140 < openers["tensorflow"] < 260


def test_the_same_seed_gives_the_same_turns():
    assert list(turns(SIDES, 7, "a")) == list(turns(SIDES, 7, "a"))


def test_an_odd_count_is_cut_short_not_rounded():
    assert len(list(turns(SIDES, 5, "a"))) == 5
