"""Three questions of matches that hold all ways: what is asked, in one family, by ratios that close."""

from __future__ import annotations

import math

import pytest

from harness.analysis.certified import certified
from harness.analysis.statistics import MIN_REPLICATES, corrected
from harness.analysis.ways import Question, answers
from harness.store.reader import read
from harness.work.workload import Mode
from tests.report.conftest import WAYS, build, build_ways


@pytest.fixture
def asked(tmp_path):
    """What `answers` says of a run in mode `best`, see `build_ways`."""

    def ask(**kind):
        frames = build_ways(tmp_path / "results", **kind)
        return answers(frames.of_all_ways, frames.rounds_of_all_ways, certified(frames.certificates))

    return ask


@pytest.fixture
def beside_comparisons(tmp_path):
    """What `answers` says of a run in mode `best` and of another one, see `build`, that are read together."""

    def ask(**kind):
        folder = tmp_path / "together"
        build_ways(folder)
        build(folder, run={"run_id": "20990101T000000-ffff"}, epochs=4, **kind)
        frames = read(folder, ["all"])
        return answers(frames.of_all_ways, frames.rounds_of_all_ways, certified(frames.certificates))

    return ask


def train(frame, question=None):
    rows = frame[frame["phase"] == "train"]
    return rows if question is None else rows[rows["question"] == question]


def test_loops_meet_chosen_ways_meet_and_every_way_meets_its_own_loop(asked):
    told = train(asked())
    assert {(one.question, one.contender_of, one.contender_over) for one in told.itertuples()} == {
        (question, f"{of_framework}/mnist-cpu-{of}", f"{over_framework}/mnist-cpu-{over}")
        for question, of_framework, of, over_framework, over in (
            (Question.SAME, "tensorflow", "loop-fp32-b64-e4", "pytorch", "loop-fp32-b64-e4"),
            (Question.BEST, "tensorflow", "graph-fp32-b64-e4", "pytorch", "loop-fp32-b64-e4-fused"),
            (Question.LADDER, "tensorflow", "graph-fp32-b64-e4", "tensorflow", "loop-fp32-b64-e4"),
            (Question.LADDER, "tensorflow", "compiled-fp32-b64-e4", "tensorflow", "loop-fp32-b64-e4"),
            (Question.LADDER, "pytorch", "loop-fp32-b64-e4-fused", "pytorch", "loop-fp32-b64-e4"),
            (Question.LADDER, "pytorch", "loop-fp32-b64-e4-foreach", "pytorch", "loop-fp32-b64-e4"),
        )
    }
    assert set(told["case_id"]) == {"mnist-cpu-loop-fp32-b64-e4"}


def test_each_question_has_ratio_interval_replicates_and_verdict(asked):
    told = train(asked())
    took = WAYS
    same, best = (told[told["question"] == one].iloc[0] for one in (Question.SAME, Question.BEST))
    assert same["speed_ratio"] == pytest.approx(took["pytorch loop"] / took["tensorflow loop"], rel=0.02)
    assert best["speed_ratio"] == pytest.approx(2, rel=0.02)
    for one in (same, best):
        assert one["verdict"] == "tensorflow faster"
        assert one["speed_ratio_low"] < one["speed_ratio"] < one["speed_ratio_high"]
        assert one["replicates"] == 6
    ladder = told[told["question"] == Question.LADDER].set_index("way_of")
    assert ladder["verdict"].to_dict() == {
        "graph": "graph faster",
        "compiled": "inconclusive",
        "loop-fused": "loop-fused faster",
        "loop-foreach": "inconclusive",
    }
    # They sat in two replicates: enough for an interval, not for a verdict.
    slow = ladder.loc["compiled"]
    assert (slow["replicates"], slow["reason"]) == (2, f"2 replicates; at least {MIN_REPLICATES} are needed")
    assert slow["speed_ratio_low"] < 0.25 < slow["speed_ratio_high"]


def test_the_slower_way_than_a_loop_is_named_by_the_loop(asked):
    told = train(asked(took=WAYS | {"pytorch loop-fused": 2.0}), Question.LADDER).set_index("way_of")
    assert told.loc["loop-fused", "verdict"] == "loop faster"


def test_ratios_of_one_run_close(asked):
    logs = train(asked()).set_index(["question", "contender_of"])["speed_ratio"].map(math.log)
    of = {name: value for (question, name), value in logs.items() if question == Question.LADDER}
    same, best = (logs[one].iloc[0] for one in (Question.SAME, Question.BEST))
    way = "tensorflow/mnist-cpu-graph-fp32-b64-e4", "pytorch/mnist-cpu-loop-fp32-b64-e4-fused"
    assert best == pytest.approx(same + of[way[0]] - of[way[1]], abs=1e-9)


def test_all_that_is_asked_of_training_is_one_family(asked):
    told = train(asked(batch_sizes=(64, 512)))
    tested = told[told["p_value"].notna()]
    assert len(tested) == 2 * 4
    assert tested["p_adjusted"].tolist() == pytest.approx(corrected(tested["p_value"].to_numpy()).tolist())


def test_two_questions_with_one_answer_count_once(asked):
    alike = asked(chosen=("tensorflow loop", "pytorch loop"), took=dict(list(WAYS.items())[:3]))
    same, best = (train(alike, one).iloc[0] for one in (Question.SAME, Question.BEST))
    assert same["p_adjusted"] == best["p_adjusted"]
    assert same["speed_ratio"] == best["speed_ratio"]
    pair = train(alike).drop_duplicates(["contender_of", "contender_over"])
    assert pair["p_adjusted"].tolist() == pytest.approx(corrected(pair["p_value"].to_numpy()).tolist())


def test_evaluation_is_asked_of_the_loops_alone(asked):
    told = asked()
    assert set(told.loc[told["phase"] == "evaluate", "question"]) == {Question.SAME}


def test_a_way_without_a_certificate_that_holds_has_no_verdict_and_is_in_no_family(asked):
    told = train(asked(uncertified=("tensorflow graph",)))
    lacking = told[(told["way_of"] == "graph")]
    assert lacking["verdict"].isna().all()
    assert lacking["p_adjusted"].isna().all()
    assert lacking["speed_ratio"].notna().all()
    assert set(lacking["question"]) == {Question.BEST, Question.LADDER}
    assert told.loc[told["question"] == Question.SAME, "verdict"].item() == "tensorflow faster"


def test_comparisons_of_a_case_count_among_the_replicates_of_what_is_written_alike(asked, beside_comparisons):
    alone, together = asked(), beside_comparisons(replicates=8, batch_sizes=(64,))
    for phase in ("train", "evaluate"):
        before, after = (
            told[(told["phase"] == phase) & (told["question"] == Question.SAME)] for told in (alone, together)
        )
        assert (before["replicates"].item(), after["replicates"].item()) == (6, 6 + 8)
    others = [train(told).query("question != @Question.SAME")["speed_ratio"] for told in (alone, together)]
    assert others[0].tolist() == pytest.approx(others[1].tolist())


def test_cases_in_which_no_ways_met_are_asked_which_is_faster_written_alike(beside_comparisons):
    told = train(beside_comparisons(batch_sizes=(64, 512), modes=(Mode.LOOP, Mode.EAGER)))
    alike = told["question"] == Question.SAME
    assert sorted(told.loc[alike, "case_id"]) == [
        f"mnist-cpu-{mode}-fp32-b{size}-e4" for mode in ("eager", "loop") for size in (512, 64)
    ]
    assert set(told.loc[~alike, "case_id"]) == {"mnist-cpu-loop-fp32-b64-e4"}
    tested = told[told["p_value"].notna()]
    assert tested["p_adjusted"].tolist() == pytest.approx(corrected(tested["p_value"].to_numpy()).tolist())


@pytest.mark.parametrize(
    ("begun", "questions"),
    [
        (["tensorflow/mnist-cpu-loop-fp32-b64-e4"], set()),
        (
            ["tensorflow/mnist-cpu-loop-fp32-b64-e4", "tensorflow/mnist-cpu-graph-fp32-b64-e4"],
            {Question.LADDER},
        ),
        (["pytorch/mnist-cpu-loop-fp32-b64-e4-fused"], set()),
    ],
)
def test_of_a_match_that_was_interrupted_as_it_began_only_who_had_begun_is_asked(tmp_path, begun, questions):
    frames = build_ways(tmp_path / "results", replicates=1)
    known = frames.of_all_ways
    trials = known[known["contender"].isin(begun)]
    told = answers(trials, frames.rounds_of_all_ways, certified(frames.certificates))
    assert set(told["question"]) == questions
