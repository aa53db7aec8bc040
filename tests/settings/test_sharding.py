"""A plan is dealt to hosts in whole matches, each once, and as evenly as they can be."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from harness.settings import config
from harness.settings.grid import plan
from harness.settings.sharding import Shard
from harness.work.records import Role

JUDGED = 6


@pytest.fixture
def whole(tmp_path):
    return plan(config.resolve({"batch_size": "64,512,1024", "replicates": "8"}, {}, tmp_path))


def dealt(whole, of):
    parts = [Shard(plan_id="p", number=number, of=of) for number in range(1, of + 1)]
    return [list(replace(whole, shard=one).matches(JUDGED)) for one in parts]


@pytest.mark.parametrize("of", [1, 2, 3, 5, 12])
def test_every_match_of_the_plan_is_in_one_shard_and_in_the_plans_order(whole, of):
    every = [match.id for match in whole.matches(JUDGED)]
    parts = [[match.id for match in part] for part in dealt(whole, of)]
    assert sorted(name for part in parts for name in part) == sorted(every)
    for part in parts:
        assert part == [name for name in every if name in part]


@pytest.mark.parametrize("of", [2, 3, 5])
def test_hosts_have_as_many_matches_of_each_kind_but_for_one(whole, of):
    parts = dealt(whole, of)
    for kind in {match.kind for match in whole.matches(JUDGED)}:
        numbers = [Counter(match.kind for match in part)[kind] for part in parts]
        assert max(numbers) - min(numbers) <= 1
    lengths = list(map(len, parts))
    assert max(lengths) - min(lengths) <= len(whole.cases)


def test_what_is_left_over_is_not_all_the_first_hosts(whole):
    lengths = [len(part) for part in dealt(whole, 5)]
    assert lengths[0] < max(lengths) or len(set(lengths)) == 1


def test_a_host_has_a_control_of_its_own_where_there_are_enough(whole):
    assert all(any(match.role is Role.CONTROL for match in part) for part in dealt(whole, 2))


def test_no_host_goes_on_to_ask_what_is_best(whole):
    assert whole.rivalled(JUDGED)
    assert replace(whole, shard=Shard(plan_id="p", number=1, of=2)).rivalled(JUDGED) == ()


def test_the_run_of_a_shard_is_called_alike_wherever_it_is_measured():
    assert Shard(plan_id="20261129T190000-ab12", number=7, of=10).run_id == "20261129T190000-ab12-s0007"
