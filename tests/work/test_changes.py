"""From one program to another: what differs, which orders exist, and which ends can be walked between."""

from __future__ import annotations

from dataclasses import fields
from itertools import islice

import pytest

from harness.errors import BadOption
from harness.work.changes import (
    FRAMEWORKS_OWN,
    asides,
    change,
    contender,
    differences,
    exists,
    level,
    listings,
    orders,
    require_walk,
    walk,
)
from harness.work.program import Program, Step
from harness.work.workload import Mode, Workload

A, B = listings(Workload(train_samples=6000, epochs=1), "cpu")


def test_the_listings_differ_in_what_the_article_typed_and_in_its_frameworks():
    assert set(differences(A, B)) == {
        "framework", "step", "scaling", "batch size", "input pipeline", "metrics", "progress", "output",
        "Adam's constants", "first weights", "evaluation batch",
    }  # fmt: skip


def test_every_level_of_a_program_has_a_place_among_the_changes():
    named = {level(B, name) for name in differences(A, B)} | {
        level(B, name) for name in ("optimiser implementation", "partial batches")
    }
    assert {getattr(B.case.program, one.name) for one in fields(Program)} <= named


def test_a_walk_changes_one_thing_at_a_time_and_ends_at_the_other_end():
    for order in islice(orders(A, B, 0), 6):
        legs = walk(A, B, order)
        assert legs[0].before == A
        assert legs[-1].after == B
        for leg in legs:
            assert differences(leg.before, leg.after) == [leg.name]


@pytest.mark.parametrize(("a", "b"), [(A, B), (B, A)])
def test_every_program_on_the_way_exists_in_its_framework(a, b):
    for order in islice(orders(a, b, 3), 40):
        assert all(exists(leg.after) for leg in walk(a, b, order))


def test_a_program_with_a_level_of_the_other_framework_does_not_exist():
    assert not exists(change(B, "step", Step.TRACED))
    assert not exists(change(A, "framework", "pytorch"))


def test_a_frameworks_own_changes_stand_side_by_side():
    for order in islice(orders(A, B, 2), 20):
        assert order.index("framework") == order.index("step") + 1
    for order in islice(orders(B, A, 2), 20):
        assert order.index("step") == order.index("framework") + 1


def test_every_second_order_is_the_one_before_it_backwards_but_for_what_a_framework_binds():
    bound = {"step", "framework", "input pipeline", "progress"}
    first, second = ([name for name in order if name not in bound] for order in islice(orders(A, B, 7), 2))
    assert second == first[::-1]


def test_each_free_change_is_early_as_often_as_late():
    places = [order.index("scaling") for order in islice(orders(A, B, 1), 200)]
    assert sum(places) / len(places) == pytest.approx((len(differences(A, B)) - 1) / 2, abs=0.5)


def test_the_same_seed_walks_the_same_orders():
    assert list(islice(orders(A, B, 5), 4)) == list(islice(orders(A, B, 5), 4))
    assert list(islice(orders(A, B, 5), 4)) != list(islice(orders(A, B, 6), 4))


def test_a_frameworks_own_changes_are_among_the_listings_differences():
    assert set(differences(A, B)) > FRAMEWORKS_OWN


@pytest.mark.parametrize(
    "text",
    [
        "tensorflow/mnist-cpu-loop-fp32-b64-e5",
        "pytorch/fashion-mnist-cuda1-compiled-fp64-b512-e2-n6000",
    ],
)
def test_a_case_is_read_back_from_its_name(text):
    assert contender(text, seed=3).id == text
    assert contender(text, seed=3).case.workload.seed == 3


def test_a_listing_is_read_from_its_name():
    found = contender("pytorch/mnist-cpu-article-fp32-e1-n6000", seed=0)
    assert found == B
    assert found.case.mode is Mode.ARTICLE


@pytest.mark.parametrize(
    "text",
    ["mnist-cpu-loop-fp32-b64-e5", "jax/mnist-cpu-article-fp32-e5", "tensorflow/mnist-cpu-loop-fp32-e5",
     "tensorflow/mnist-cpu-article-fp32-b64-e5", "tensorflow/mnist-cpu-loop-fp32-b0-e5"],
)  # fmt: skip
def test_what_is_no_case_is_refused_by_name(text):
    with pytest.raises(BadOption, match="not allowed"):
        contender(text, seed=0)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ("pytorch/mnist-cpu-loop-fp32-b64-e2", "the same epochs"),
        ("pytorch/mnist-cpu-loop-fp32-b64-e5-n600", "the same training samples"),
        ("pytorch/synthetic-cpu-loop-fp32-b64-e5", "the same data sets"),
        ("pytorch/mnist-cpu-article-fp32-e5", "the same listings"),
        ("tensorflow/mnist-cpu-loop-fp32-b64-e5", "two cases that differ"),
    ],
)
def test_ends_that_no_walk_joins_are_refused(other, said):
    a = contender("tensorflow/mnist-cpu-loop-fp32-b64-e5", seed=0)
    with pytest.raises(BadOption, match=said):
        require_walk(a, contender(other, seed=0))


def test_beside_the_way_is_what_neither_listing_types_and_both_could():
    legs = asides((A, B))
    assert {(leg.before.framework, leg.name, level(leg.after, leg.name)) for leg in legs} == {
        ("tensorflow", "step", "compiled"),
        ("tensorflow", "dropout", 0.0),
        ("tensorflow", "partial batches", "dropped"),
        ("pytorch", "optimiser implementation", "foreach"),
        ("pytorch", "optimiser implementation", "fused"),
        ("pytorch", "dropout", 0.0),
        ("pytorch", "partial batches", "dropped"),
    }
    assert all(differences(leg.before, leg.after) == [leg.name] for leg in legs)


def test_where_no_batch_is_partial_none_can_be_dropped():
    ends = listings(Workload(train_samples=12_800), "cpu")
    assert "partial batches" not in {leg.name for leg in asides(ends)}
