"""Of three frameworks a reader gets the order at a glance: who is fastest, by how much, who comes next."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from harness.analysis.verdicts import pairs_in
from harness.report.sentences.answer import all_answers, answers, judge, learned
from harness.work.records import Phase
from harness.work.workload import Mode
from tests.report.conftest import THIRD

NUMBER = r"\d\.\d\d"
BOUNDED = rf"{NUMBER} \({NUMBER} to {NUMBER}\)"


def said(frames, *, third=1.8, **kind):
    (answer,) = all_answers(frames(beside={THIRD: third}, **kind))
    return answer


def test_the_fastest_is_named_first_with_its_lead_over_each_and_then_the_next(frames):
    answer = said(frames, batch_sizes=(64,))
    assert re.fullmatch(
        rf"TensorFlow trains fastest at batch 64: {BOUNDED} times as fast as PyTorch, {BOUNDED} as {THIRD}; "
        rf"PyTorch {BOUNDED} times as fast as {THIRD}",
        answer.says,
    )
    assert answer.sure == "95 % intervals; 6 replicates"
    assert answer.winner == "tensorflow"


def test_several_cases_share_a_sentence_and_their_intervals_follow_it(frames):
    answer = said(frames, third=0.7, modes=(Mode.LOOP, Mode.EAGER))
    assert answer.says.startswith(f"{THIRD} trains fastest at batch 64 and 512: ")
    assert re.search(rf"; TensorFlow {NUMBER}( to {NUMBER})? times as fast as PyTorch$", answer.says)
    assert f"{THIRD} over TensorFlow within 1." in answer.sure
    assert "6 replicates or more each" in answer.sure
    assert answer.winner == THIRD


def test_two_that_are_equally_fast_may_lead_together(frames):
    answer = said(frames, ratio=1.0, third=1.4, batch_sizes=(64,))
    assert re.match(
        r"(TensorFlow and PyTorch|PyTorch and TensorFlow) train fastest, within 3 % of", answer.says
    )
    assert answer.says.count(f"times as fast as {THIRD}") == 2
    assert answer.winner is None


def test_two_behind_the_fastest_may_be_equal(frames):
    answer = said(frames, third=1.5, batch_sizes=(64,))
    assert answer.says.startswith("TensorFlow trains fastest at batch 64: ")
    assert answer.says.endswith("equally fast, within 3 %")
    assert f"PyTorch over {THIRD}" in answer.sure


def test_all_may_be_equally_fast(frames):
    answer = said(frames, ratio=1.0, third=1.0)
    assert answer.says == "all train equally fast, within 3 %, at batch 64 and 512"
    assert answer.verdict == "equivalent"


def test_too_few_replicates_are_one_reason_and_every_ratio_so_far(frames):
    answer = said(frames, replicates=2, batch_sizes=(64,))
    assert answer.says == "inconclusive at batch 64"
    assert answer.sure.count("at least 6 are needed") == 1
    assert answer.sure.count("so far: ") == 3


def test_who_leads_may_be_open_where_the_last_is_known(frames):
    judged = judge(frames(beside={THIRD: 1.8}, batch_sizes=(64,)))
    leaders = judged["speed_over"].eq("pytorch")
    judged = judged.assign(
        verdict=judged["verdict"].mask(leaders, "inconclusive"),
        reason=judged["reason"].mask(leaders, "neither is shown"),
    )
    (answer,) = answers(judged)
    assert answer.says == (
        "which trains fastest is not known, at batch 64: "
        f"TensorFlow 1.80 (1.78 to 1.81) times as fast as {THIRD}; "
        f"PyTorch 1.20 (1.19 to 1.20) times as fast as {THIRD}; inconclusive between TensorFlow and PyTorch"
    )
    assert "neither is shown. TensorFlow's speed over PyTorch's so far: 1.50" in answer.sure
    assert answer.winner is None


def test_without_a_certificate_there_is_no_order(frames):
    answer = said(frames, uncertified=(64,), batch_sizes=(64,))
    assert answer.says == "no verdict at batch 64"
    assert "certificate failed" in answer.sure
    assert answer.verdict is None


def test_evaluation_has_an_order_too(frames):
    judged = judge(frames(beside={THIRD: 1.8}, batch_sizes=(64,)))
    (answer,) = answers(judged, Phase.EVALUATE)
    assert answer.says.startswith("TensorFlow evaluates fastest at batch 64: ")


def test_every_two_frameworks_of_a_case_have_a_verdict_each_and_ratios_close(frames):
    judged = judge(frames(beside={THIRD: 1.8}, batch_sizes=(64,)))
    train = judged[judged["phase"] == Phase.TRAIN]
    assert pairs_in(train) == [("tensorflow", "pytorch"), ("tensorflow", THIRD), ("pytorch", THIRD)]
    first, both, second = train["speed_ratio"]
    assert abs(first * second / both - 1) < 1e-9


def test_more_frameworks_are_a_larger_family(frames):
    def most(**kind):
        judged = judge(frames(batch_sizes=(64,), **kind))
        return (judged["p_adjusted"] / judged["p_value"]).max()

    assert most(beside={THIRD: 1.8}) == pytest.approx(3 * most())


def test_all_have_learned_the_same_where_every_two_have(frames):
    assert "in 2 of 2 cases" in learned(frames(beside={THIRD: 1.8}))


def test_what_too_few_seeds_leave_open_of_two_is_not_shown_of_all(frames):
    run = frames(beside={THIRD: 1.8}, batch_sizes=(64,))
    few = run.learned["framework"].eq(THIRD) & run.learned["replicate"].gt(0)
    assert "in 0 of 1 case;" in learned(replace(run, learned=run.learned[~few]))
