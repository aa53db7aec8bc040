"""The grid becomes matches: evenly, in an order that only the seed decides."""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate, cycle, islice

import pytest

from harness.errors import BadOption
from harness.frameworks import registry
from harness.settings import config
from harness.settings.grid import SEEDS, plan
from harness.settings.matches import between
from harness.settings.sharding import Shard
from harness.work.changes import contender
from harness.work.program import Update
from harness.work.records import Role
from harness.work.workload import Mode

# Replicates after which something is learned.
AFTER = 6


def planned(tmp_path, **given):
    return plan(config.resolve(given, {}, tmp_path))


def test_the_grid_is_every_combination(tmp_path):
    cases = planned(tmp_path, batch_size="32,64", epochs="1,3", mode="loop,eager").cases
    assert len({case.id for case in cases}) == 8


def test_networks_span_the_grid_and_the_usual_one_has_no_name_of_its_own(tmp_path):
    cases = planned(tmp_path, batch_size="32,64", hidden="128,512x512").cases
    assert [case.id.removeprefix("mnist-cpu-loop-fp32-") for case in cases] == [
        "b32-e5", "b64-e5", "b32-e5-h512x512", "b64-e5-h512x512",
    ]  # fmt: skip
    for case in cases:
        assert contender(f"pytorch/{case.id}", seed=0).case == case


def test_workers_span_the_grid_and_one_has_no_name_of_its_own(tmp_path):
    cases = planned(tmp_path, batch_size="64", workers="1,2,4").cases
    assert [case.workers for case in cases] == [1, 2, 4]
    assert [case.id.removeprefix("mnist-cpu-loop-fp32-b64-e5") for case in cases] == ["", "-w2", "-w4"]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"mode": "eager"}, "several workers train one model in mode loop alone"),
        ({"mode": "best"}, "several workers train one model in mode loop alone"),
        ({"device": "cuda"}, "each of several workers would need a GPU of its own, and a contender has one"),
    ],
)
def test_what_several_workers_cannot_do_is_left_out_with_the_reason(tmp_path, given, why):
    made = planned(tmp_path, batch_size="64", workers="1,2", **given)
    assert [case.workers for case in made.cases] == [1]
    ((case, said),) = made.unable
    assert (case.workers, said) == (2, why)


def test_a_framework_without_several_workers_is_named(tmp_path, monkeypatch):
    alone = replace(registry.record("pytorch"), together=frozenset())
    others = registry.record
    monkeypatch.setattr(registry, "record", lambda name: alone if name == "pytorch" else others(name))
    ((_, said),) = planned(tmp_path, batch_size="64", workers="2").unable
    assert said == "PyTorch cannot train one model with several workers"


def test_the_articles_listings_are_of_one_worker(tmp_path):
    with pytest.raises(BadOption, match="WORKERS=1,2: not allowed; use 1 with MODE=article"):
        planned(tmp_path, workers="1,2", mode="loop,article")


def test_one_worker_and_several_of_both_frameworks_meet_in_each_replicate(tmp_path):
    made = planned(tmp_path, batch_size="32,64", workers="2,1", replicates="3")
    met = [match for match in made.matches(AFTER) if match.role is Role.SCALING]
    assert len(met) == 2 * 3
    for match in met:
        assert [(one.framework, one.case.workers) for one in match.contenders] == [
            ("tensorflow", 1), ("tensorflow", 2), ("pytorch", 1), ("pytorch", 2),
        ]  # fmt: skip
        assert len({replace(one.case, workers=1) for one in match.contenders}) == 1
        assert not match.repeated
    assert not any(match.role is Role.SCALING for match in planned(tmp_path, workers="2").matches(AFTER))


def test_the_articles_listings_have_the_layer_that_is_printed_whatever_is_asked(tmp_path):
    cases = planned(tmp_path, batch_size="64", hidden="32,512x512", mode="loop,article").cases
    assert [case.workload.hidden for case in cases] == [(32,), (512, 512), (128,)]


def test_the_first_case_is_taken_to_a_verdict_before_any_other_begins(tmp_path):
    measured = planned(tmp_path, batch_size="32,64,128", replicates=str(AFTER + 3))
    matches = list(measured.matches(AFTER))
    assert [match.case for match in matches[:AFTER]] == [measured.cases[0]] * AFTER
    assert [match.replicate for match in matches[:AFTER]] == list(range(AFTER))
    assert matches[AFTER].role is not Role.COMPARISON or matches[AFTER].case != measured.cases[0]


def test_what_has_to_be_proven_before_anything_is_measured_is_the_case_that_is_ahead(tmp_path):
    asked = {"batch_size": "32,64,128", "replicates": str(AFTER)}
    three = planned(tmp_path, **asked)
    assert three.ahead(AFTER) == three.cases[:1]
    # With too few replicates for a verdict none is; where all ways meet each has a pilot; and of a shard's
    # matches the first may be of another.
    few = planned(tmp_path, **asked | {"replicates": str(AFTER - 1)})
    best = planned(tmp_path, **asked, mode="best")
    shard = replace(three, shard=Shard(plan_id="plan", number=1, of=2))
    for plan_of_three in (few, best, shard):
        assert plan_of_three.ahead(AFTER) == plan_of_three.cases
        assert len(plan_of_three.cases) == 3


def test_all_but_the_articles_listings_can_be_proven(tmp_path):
    both = planned(tmp_path, batch_size="64", mode="loop,article")
    assert [(one.framework, one.case.mode) for one in both.provable()] == [
        ("tensorflow", Mode.LOOP),
        ("pytorch", Mode.LOOP),
    ]
    assert len(both.contenders()) == 4


def test_each_replicate_visits_every_case_once_before_the_next_begins(tmp_path):
    measured = planned(tmp_path, batch_size="32,64,128", replicates=str(AFTER + 2))
    compared = [match for match in measured.matches(AFTER) if match.role is Role.COMPARISON][AFTER:]
    others = [compared[2 * i : 2 * i + 2] for i in range(AFTER)]
    late = compared[2 * AFTER :]
    for replicate, block in enumerate([*others, late[:3], late[3:]]):
        visited = measured.cases[1:] if replicate < AFTER else measured.cases
        assert {match.case for match in block} == set(visited)
        assert len(block) == len(visited)
        assert {match.replicate for match in block} == {replicate}


def test_of_few_replicates_every_other_one_has_a_control_of_one_framework_by_turns(tmp_path):
    matches = list(planned(tmp_path, batch_size="32,64", replicates="4").matches(AFTER))
    controls = [match for match in matches if match.role is Role.CONTROL]
    assert [[one.framework for one in match.contenders] for match in controls] == [
        ["tensorflow", "tensorflow"],
        ["pytorch", "pytorch"],
    ]
    assert {match.kind for match in controls} == {"mnist-cpu-loop-fp32-b32-e2-control"}


def of_three(measured):
    return replace(
        measured, settings=replace(measured.settings, frameworks=("tensorflow", "theirs", "pytorch"))
    )


def test_three_frameworks_sit_in_one_match_in_the_order_named_and_have_controls_by_turns(tmp_path):
    measured = of_three(planned(tmp_path, batch_size="32", replicates="6"))
    matches = list(measured.matches(AFTER))
    seated = {
        tuple(one.framework for one in match.contenders)
        for match in matches
        if match.role in {Role.COMPARISON, Role.LEARNING}
    }
    assert seated == {("tensorflow", "theirs", "pytorch")}
    controls = [match for match in matches if match.role is Role.CONTROL]
    by_turns = cycle(["tensorflow", "theirs", "pytorch"])
    assert [match.contenders[0].framework for match in controls] == list(islice(by_turns, len(controls)))
    assert len(controls) > 3


def test_neither_an_answer_of_two_cases_nor_what_they_learn_first_waits_for_a_control(tmp_path):
    roles = [match.role for match in planned(tmp_path, batch_size="32,64", replicates="8").matches(AFTER)]
    assert roles[: 2 * AFTER] == [Role.COMPARISON] * (2 * AFTER)
    assert roles[2 * AFTER :][:4] == [Role.LEARNING, Role.LEARNING, Role.CONTROL, Role.CONTROL]


@pytest.mark.parametrize("batch_size", ["32", "32,64", "32,64,128,256"])
def test_a_control_follows_every_twelve_matches_each_seed_and_then_each_replicate_until_it_can_be_called(
    tmp_path, batch_size
):
    matches = list(planned(tmp_path, batch_size=batch_size, replicates=str(AFTER + 5)).matches(AFTER))
    controls = [match for match in matches if match.role is Role.CONTROL]
    assert [match.replicate for match in controls] == list(range(len(controls)))
    taught = [at for at, match in enumerate(matches) if match.role is Role.LEARNING]
    cases = len({match.case for match in matches if match.role is Role.LEARNING})
    # The one that would follow the last of these follows the first seed, with that seed's own.
    before = [match.role for match in matches[: taught[0]]]
    assert before.count(Role.CONTROL) == max(1, AFTER * cases // 12) - 1
    early = [match.role for match in matches[: taught[cases]]]
    assert early.count(Role.CONTROL) == max(1, AFTER * cases // 12) + 1
    for last in taught[cases - 1 :: cases]:
        assert matches[last + 1].role is Role.CONTROL
    # With eight replicates it can be called; later every other time there is one more.
    late = matches[taught[-1] + 2 :]
    met = list(accumulate(match.role is Role.COMPARISON for match in late))
    compared = [so_far for so_far, match in zip(met, late, strict=True) if match.role is Role.CONTROL]
    assert compared == [cases, 2 * cases, 3 * cases, 5 * cases]
    assert early.count(Role.CONTROL) - 1 + SEEDS + 2 >= AFTER


def test_a_plan_without_cases_has_nothing_to_control(tmp_path):
    assert list(replace(planned(tmp_path), cases=()).matches(AFTER)) == []


def test_the_order_of_cases_changes_from_replicate_to_replicate(tmp_path):
    matches = list(planned(tmp_path, batch_size="32,64,128", replicates="20").matches(AFTER))
    compared = [match for match in matches if match.role is Role.COMPARISON][3 * AFTER :]
    orders = {tuple(match.case.id for match in compared[i : i + 3]) for i in range(0, len(compared), 3)}
    assert len(orders) > 1


def test_the_same_seed_plans_the_same_order(tmp_path):
    first, again = (list(planned(tmp_path, batch_size="32,64", seed="9").matches(AFTER)) for _ in range(2))
    assert first == again


def test_a_number_format_is_a_dimension_of_the_grid(tmp_path):
    cases = planned(tmp_path, batch_size="64", precision="fp32,bf16,fp64").cases
    assert [case.workload.precision for case in cases] == ["fp32", "bf16", "fp64"]
    assert [case.id.split("-")[3] for case in cases] == ["fp32", "bf16", "fp64"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"precision": "fp32,tf32"}, "PRECISION=tf32: not allowed; use fp32, bf16, fp64 with DEVICE=cpu"),
        ({"precision": "fp16"}, "PRECISION=fp16: not allowed; use fp32, bf16, fp64 with DEVICE=cpu"),
        ({"mode": "graph"}, "MODE=graph: not allowed; use loop, eager, compiled, idiomatic, article with"),
        ({"mode": "graph", "device": "cuda,cpu"}, "MODE=graph"),
        ({"mode": "best", "precision": "tf32"}, "PRECISION=tf32"),
        ({"mode": "loop,best"}, "MODE=loop,best: not allowed; use best by itself: its matches hold all ways"),
    ],
)
def test_what_a_cpu_does_not_have_is_refused_in_one_line(tmp_path, given, message):
    with pytest.raises(BadOption) as refused:
        planned(tmp_path, **given)
    assert str(refused.value).startswith(message)
    assert "\n" not in str(refused.value)


def test_a_gpu_has_every_format_and_mode(tmp_path):
    cases = planned(
        tmp_path, device="cuda", batch_size="64", precision="fp32,tf32,bf16,fp16,fp64", mode="loop,graph"
    ).cases
    assert len(cases) == 10


def test_a_batch_that_does_not_fit_the_training_set_is_refused(tmp_path):
    with pytest.raises(BadOption, match="BATCH=512"):
        planned(tmp_path, batch_size="64,512", train_samples="100")


def test_the_articles_listings_are_one_case_whatever_the_batch_sizes(tmp_path):
    loops, articles = (
        [
            case
            for case in planned(tmp_path, mode="loop,article", batch_size="64,512").cases
            if case.mode == mode
        ]
        for mode in ("loop", "article")
    )
    assert (len(loops), len(articles)) == (2, 1)
    assert articles[0].id == "mnist-cpu-article-fp32-e5"


def test_each_side_runs_its_own_listing(tmp_path):
    for match in planned(tmp_path, mode="article", replicates="2").matches(AFTER):
        sizes = {"tensorflow": (32, 32), "pytorch": (64, 1000)}
        for one in match.contenders:
            assert (one.case.workload.batch_size, one.case.workload.eval_batch_size) == sizes[one.framework]
            assert one.case.id == match.case.id


def test_a_comparison_repeats_a_round_at_first_and_in_about_every_second_replicate_after(tmp_path):
    matches = list(planned(tmp_path, batch_size="32,64", replicates="200").matches(AFTER))
    compared = [match for match in matches if match.role is Role.COMPARISON]
    assert all(match.repeated for match in compared if match.replicate == 0)
    assert 0.4 < sum(match.repeated for match in compared) / len(compared) < 0.6
    by_case = [
        [match.repeated for match in compared if match.case == case]
        for case in {one.case for one in compared}
    ]
    assert by_case[0] != by_case[1]
    assert not any(match.repeated for match in matches if match.role is Role.CONTROL)


def test_in_mode_best_a_case_is_that_of_the_loops_and_holds_all_ways_of_both_frameworks(tmp_path):
    best = planned(tmp_path, batch_size="64,512", mode="best")
    assert best.best
    assert [case.id for case in best.cases] == ["mnist-cpu-loop-fp32-b64-e1", "mnist-cpu-loop-fp32-b512-e1"]
    ways = [f"{one.framework} {one.case.way.id}" for one in best.ways(best.cases[0])]
    assert ways == [
        "tensorflow loop",
        "pytorch loop",
        "tensorflow compiled",
        "tensorflow graph",
        "pytorch loop-foreach",
        "pytorch loop-fused",
        "pytorch compiled",
    ]
    assert len({one.case.id for one in best.contenders()}) == 2 * 5
    assert len(best.contenders()) == 2 * len(ways)


def test_a_way_without_a_certificate_is_in_no_match(tmp_path):
    best = planned(tmp_path, batch_size="64", mode="best")
    (case,) = best.cases
    refused = best.ways(case)[-1]
    left = replace(best, refused=frozenset({refused}))
    assert left.ways(case) == best.ways(case)[:-1]


def test_beside_what_is_asked_ways_may_meet_in_the_cases_of_the_usual_loops(tmp_path):
    asked = planned(tmp_path, batch_size="64,512", mode="loop,eager")
    assert [case.id for case in asked.rivalled(5)] == [
        "mnist-cpu-loop-fp32-b64-e5",
        "mnist-cpu-loop-fp32-b512-e5",
    ]


@pytest.mark.parametrize(
    "given",
    [{"mode": "eager"}, {"replicates": "4"}, {"at_best": "no"}, {"mode": "best"}, {"mode": "article"}],
)
def test_nowhere_else_and_not_where_nobody_could_judge_them_or_wants_them(tmp_path, given):
    assert planned(tmp_path, **given).rivalled(5) == ()


def test_matches_of_ways_beside_are_of_the_cases_that_are_named_and_bring_no_controls(tmp_path):
    asked = planned(tmp_path, batch_size="64,512", replicates="6")
    named = asked.cases[:1]
    matches = list(asked.matches_of_ways(named, between))
    assert [(match.case, match.replicate) for match in matches] == [(named[0], one) for one in range(6)]


def test_the_name_of_a_case_tells_its_implementation_of_adam_where_it_is_not_the_stock_one(tmp_path):
    (case,) = planned(tmp_path, batch_size="64").cases
    assert replace(case, update=Update.FUSED).id == f"{case.id}-fused"
    assert replace(case, update=Update.STOCK).id == case.id


def test_other_modes_keep_what_they_took_before_mode_best_had_defaults(tmp_path):
    best, loop = (config.resolve({"mode": mode}, {}, tmp_path) for mode in ("best", "loop"))
    assert (best.epochs, best.round_s, best.budget_s) == ((1,), 0.1, 300.0)
    assert (loop.epochs, loop.round_s, loop.budget_s) == ((5,), 0.1, 250.0)
    assert config.resolve({"mode": "best", "epochs": "3"}, {}, tmp_path).epochs == (3,)
