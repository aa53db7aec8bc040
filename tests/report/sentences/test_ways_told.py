"""Three questions are answered one by one: none is passed off as another."""

from __future__ import annotations

from harness.report.sentences.answer import all_answers
from tests.report.conftest import CHOSEN, WAYS


def said(of_ways, **kind):
    return all_answers(of_ways(**kind))


def test_three_questions_are_answered_each_with_where_interval_and_replicates(of_ways):
    same, best, ours, theirs = said(of_ways, batch_sizes=(64, 512))
    assert same.where == "Written the same way, on the CPU, mode loop, fp32"
    assert same.says == "TensorFlow trains 1.30 times as fast as PyTorch at batch 64 and 512"
    assert best.where == "Each at its best, on the CPU, fp32"
    assert best.says.startswith("TensorFlow (graph) trains ")
    assert best.says.endswith(" times as fast as PyTorch (loop with fused Adam) at batch 64 and 512")
    assert "6 replicates or more each" in best.sure
    assert ours.where == "The best way in each, on the CPU, fp32, TensorFlow at batch 64 and 512"
    assert theirs.where == "The best way in each, on the CPU, fp32, PyTorch at batch 64 and 512"


def test_a_ladder_begins_with_the_fastest_way_and_says_what_is_not_shown(of_ways):
    *_, ours, theirs = said(of_ways)
    assert ours.says.startswith("times as fast as the usual loop: graph 2.0")
    assert "; compiled 0.25 (" in ours.says
    assert ours.sure == "graph faster (6 replicates); compiled inconclusive (2 replicates)"
    assert theirs.sure.startswith("loop with fused Adam faster (6 replicates); loop with foreach Adam")
    assert ours.winner is None


def test_a_way_that_loses_to_its_loop_is_called_slower(of_ways):
    *_, ours, _ = said(of_ways, took=WAYS | {"tensorflow graph": 1.5})
    assert "graph slower (6 replicates)" in ours.sure


def test_the_ratio_at_best_is_turned_towards_whoever_is_faster(of_ways):
    _, best, *_ = said(of_ways, took=WAYS | {"pytorch loop-fused": 0.25})
    assert best.says.startswith("PyTorch (loop with fused Adam) trains 2.0")
    assert best.winner == "pytorch"


def test_batch_sizes_whose_pilots_chose_otherwise_are_told_apart(of_ways):
    two = said(of_ways, batch_sizes=(64,)), said(of_ways, chosen=("tensorflow loop", "pytorch loop"))
    assert "TensorFlow (graph)" in two[0][1].says
    assert two[1][1].says == "TensorFlow (loop) trains 1.30 times as fast as PyTorch (loop) at batch 64"


def test_what_stays_open_says_what_is_needed(of_ways):
    _, best, *_ = said(of_ways, replicates=2)
    assert (
        best.says == "inconclusive between TensorFlow (graph) and PyTorch (loop with fused Adam) at batch 64"
    )
    assert best.sure.startswith(
        "2 replicates; at least 6 are needed. TensorFlow's speed over PyTorch's so far"
    )


def test_without_a_certificate_of_a_chosen_way_nothing_is_said_of_the_best(of_ways):
    same, best, *_ = said(of_ways, uncertified=("pytorch loop-fused",))
    assert same.verdict == "tensorflow faster"
    assert best.verdict is None
    assert best.says.startswith("no verdict between")
    assert "certificate failed at optimizer" in best.sure


def test_of_three_each_at_its_best_has_an_order_and_every_ladder_its_sentence(of_ways):
    loops = {"tensorflow loop": 1.0, "pytorch loop": 1.3, "theirs loop": 1.6}
    took = loops | WAYS | {"theirs graph": 0.7}
    same, best, *ladders = said(of_ways, took=took, chosen=(*CHOSEN, "theirs graph"))
    assert same.says.startswith("TensorFlow trains fastest at batch 64: 1.30 (")
    assert best.where == "Each at its best, on the CPU, fp32"
    assert best.says.startswith("TensorFlow (graph) trains fastest at batch 64: 1.4")
    assert " times as fast as theirs (graph), " in best.says
    assert "; theirs (graph) 1.4" in best.says
    assert best.winner == "tensorflow"
    assert [one.where.split(", ")[-1] for one in ladders] == [
        "TensorFlow at batch 64",
        "PyTorch at batch 64",
        "theirs at batch 64",
    ]


def test_of_three_that_stay_open_the_ways_are_named(of_ways):
    took = {"tensorflow loop": 1.0, "pytorch loop": 1.3, "theirs loop": 1.6} | WAYS
    _, best, *_ = said(of_ways, took=took, chosen=(*CHOSEN, "theirs loop"), replicates=2)
    named = "TensorFlow (graph), PyTorch (loop with fused Adam) and theirs (loop)"
    assert best.says == f"inconclusive between {named} at batch 64"
