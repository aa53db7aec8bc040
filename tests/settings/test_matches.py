"""A match has its role, its name and its seed from who sits in it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.settings.matches import Match, between
from harness.work.contender import Contender
from harness.work.records import Role
from tests.settings.test_grid import planned


def test_a_match_is_told_with_any_two_of_its_seats_first(tmp_path):
    (case,) = planned(tmp_path, batch_size="32").cases
    match = replace(between(case, 3, ("a", "b", "c")), chosen=(0, 2))
    turned = match.led_by(1, 2)
    assert [one.framework for one in turned.contenders] == ["b", "c", "a"]
    assert turned.chosen == (2, 1)
    assert (turned.kind, turned.replicate) == (match.kind, 3)
    assert match.led_by(0, 1) == match


def test_every_replicate_has_a_seed_of_its_own_and_the_case_keeps_its_name(tmp_path):
    (case,) = planned(tmp_path, batch_size="64", seed="10").cases
    match = between(case, 3)
    assert match.seed == 13
    assert match.seeded(case).workload.seed == 13
    assert match.seeded(case).id == case.id


def test_a_match_of_a_walk_is_counted_under_it(tmp_path):
    contenders = tuple(
        Contender(framework="pytorch", case=case) for case in planned(tmp_path, batch_size="64,512").cases
    )
    match = Match(contenders=contenders, replicate=1, walk="walk")
    assert match.role is Role.CHANGE
    assert match.id == "walk-r1"
    assert list(match.seats) == [0, 1]


@pytest.mark.parametrize(("contenders", "shared"), [(1, 1), (2, 2), (3, 0)])
def test_a_match_has_two_contenders_and_one_that_need_not_sit_in_all_its_parts(tmp_path, contenders, shared):
    (case,) = planned(tmp_path, batch_size="64").cases
    one = Contender(framework="pytorch", case=case)
    with pytest.raises(ValueError, match="contenders"):
        Match(contenders=(one,) * contenders, replicate=0, shared=shared)


def test_the_same_contender_twice_is_a_control_and_in_two_modes_a_comparison(tmp_path):
    loop, eager = (
        Contender(framework="pytorch", case=case)
        for case in planned(tmp_path, batch_size="64", mode="loop,eager").cases
    )
    assert Match(contenders=(loop, loop), replicate=0).role is Role.CONTROL
    assert Match(contenders=(loop, eager), replicate=0).role is Role.COMPARISON
