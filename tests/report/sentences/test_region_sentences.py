"""What many cases come to, in words."""

from __future__ import annotations

from itertools import product

import pandas as pd
import pytest

from harness.analysis.statistics import Verdict
from harness.report.sentences.regions import by_region

A, B, C = "tensorflow", "pytorch", "jax"
SHARED = {
    "phase": "train", "device": "cpu", "mode": "loop", "precision": "fp32", "dataset": "mnist",
    "train_samples": 60_000, "epochs": 1,
}  # fmt: skip


def judged(verdict, **changed):
    """Cases of three networks at two batch sizes; `verdict` gives what is said of every two frameworks."""
    rows = []
    for size, hidden in product((64, 512), ("32", "512", "4096")):
        told = verdict(size, hidden)
        for (one, other), said in (told if isinstance(told, dict) else {(A, B): told}).items():
            rows.append(
                SHARED
                | {
                    "case_id": f"{hidden}-{size}-{changed}", "batch_size": size, "hidden": hidden,
                    "workers": 1, "speed_of": one, "speed_over": other, "verdict": said,
                }
                | changed
            )  # fmt: skip
    return pd.DataFrame(rows)


def told(frame):
    return [(one.where, one.says, one.sure, one.verdict) for one in by_region(frame)]


def test_a_few_cases_are_read_each_by_itself():
    assert by_region(judged(lambda *_: f"{A} faster").iloc[:5]) == []


def test_a_region_has_its_reach_and_how_many_of_all_cases_have_its_answer():
    def verdict(size, hidden):
        if hidden == "4096":
            return Verdict.EQUIVALENT if size == 512 else Verdict.INCONCLUSIVE
        return f"{A} faster"

    what = "million additions and multiplications a step"
    one, other = told(judged(verdict))
    assert one == (
        "On the CPU, all sizes",
        f"up to about 838 {what} TensorFlow trains faster",
        "4 cases with this answer; 5 of 6 cases decided, each on its own",
        f"{A} faster",
    )
    assert other == (
        "On the CPU, all sizes",
        f"from about 6,700 {what} TensorFlow and PyTorch train equally fast, within 3 %",
        "1 case with this answer; 5 of 6 cases decided, each on its own",
        Verdict.EQUIVALENT,
    )


def test_one_answer_at_every_size_is_said_once():
    ((_, says, sure, _),) = told(judged(lambda *_: f"{B} faster"))
    assert says.startswith("at every size, from ")
    assert says.endswith(" a step, PyTorch trains faster")
    assert sure == "6 cases with this answer; 6 of 6 cases decided, each on its own"


def test_where_no_size_orders_the_answers_they_are_counted():
    said = {("32", 64): f"{A} faster", ("512", 64): f"{B} faster", ("4096", 512): Verdict.INCONCLUSIVE}
    ((_, says, sure, verdict),) = told(judged(lambda size, hidden: said.get((hidden, size), f"{A} faster")))
    assert says == (
        "no one size of the work says who is faster: "
        "TensorFlow leads in 4, PyTorch leads in 1 and it is not known in 1"
    )
    assert sure == "5 of 6 cases decided, each on its own"
    assert verdict is None


def test_where_arithmetic_does_not_order_them_the_weights_of_the_network_may_or_the_batch():
    by_network = by_region(judged(lambda _, hidden: f"{B if hidden == '4096' else A} faster"))
    assert [one.says for one in by_network] == [
        "up to about 838 million additions and multiplications a step TensorFlow trains faster",
        "from about 838 million additions and multiplications a step PyTorch trains faster",
    ]
    by_network = by_region(judged(lambda _, hidden: f"{A if hidden == '32' else B} faster"))
    assert [one.says.split(" PyTorch")[0] for one in by_network][1] == (
        "from about 105 million additions and multiplications a step"
    )
    by_batch = by_region(judged(lambda size, _: f"{A if size == 64 else B} faster"))
    assert [one.says for one in by_batch] == [
        "up to about 64 samples a batch TensorFlow trains faster",
        "from about 512 samples a batch PyTorch trains faster",
    ]


@pytest.mark.parametrize(("decided", "is_summed_up"), [({"32"}, False), ({"32", "512"}, True)])
def test_a_few_decided_cases_are_not_said_to_be_all_sizes(decided, is_summed_up):
    said = by_region(
        judged(lambda _size, hidden: f"{A} faster" if hidden in decided else Verdict.INCONCLUSIVE)
    )
    assert bool(said) == is_summed_up


def test_of_three_frameworks_one_is_fastest_or_some_are_together():
    def verdict(_size, hidden):
        level = Verdict.EQUIVALENT if hidden == "4096" else f"{A} faster"
        return {(A, B): f"{A} faster", (A, C): level, (B, C): f"{C} faster"}

    one, other = by_region(judged(verdict))
    assert one.says.endswith("TensorFlow trains fastest")
    assert one.verdict == f"{A} faster"
    assert other.says.endswith("TensorFlow and JAX train fastest, equally fast within 3 %")
    assert other.verdict is None


def test_nothing_is_said_where_nothing_is_known():
    assert by_region(judged(lambda *_: Verdict.INCONCLUSIVE)) == []


@pytest.mark.parametrize("changed", [{"mode": "article"}, {"phase": "evaluate"}])
def test_listings_that_do_other_work_and_evaluation_have_no_regions(changed):
    assert by_region(judged(lambda *_: f"{A} faster", **changed)) == []


def test_modes_are_told_apart():
    frame = pd.concat([judged(lambda *_: f"{A} faster"), judged(lambda *_: f"{B} faster", mode="graph")])
    assert [one.where for one in by_region(frame)] == ["loop, all sizes", "graph, all sizes"]
