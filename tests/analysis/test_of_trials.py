"""Whose ratio it is follows from the rows, whatever the frameworks are."""

from __future__ import annotations

import pandas as pd
import pytest

from harness.analysis.of_trials import compared, pairs
from harness.errors import ResultsUnusable
from harness.settings.presets import FRAMEWORKS


def rows(*frameworks, seats=None):
    frame = pd.DataFrame({"framework": pd.Series(frameworks, dtype="str")})
    return frame if seats is None else frame.assign(seat=list(seats))


def test_the_framework_of_side_a_comes_first():
    assert compared(rows("pytorch", "tensorflow", "pytorch", seats=(0, 1, 0))) == ("pytorch", "tensorflow")
    assert compared(rows("theirs", "pytorch", seats=(0, 1))) == ("theirs", "pytorch")


def test_without_sides_the_order_of_the_records_decides():
    assert compared(rows("pytorch", "tensorflow")) == ("tensorflow", "pytorch")
    assert compared(rows("theirs", "pytorch", seats=[None, None])) == ("pytorch", "theirs")


def test_what_has_certificates_alone_counts_as_well():
    assert compared(rows(), rows("pytorch", "theirs")) == ("pytorch", "theirs")


def test_a_run_that_was_cut_off_at_once_compared_the_usual_two():
    assert compared(rows()) == FRAMEWORKS
    assert compared(rows("pytorch", seats=[1])) == ("tensorflow", "pytorch")
    assert compared(rows("pytorch", seats=[0])) == ("pytorch", "tensorflow")


def test_a_run_compares_as_many_as_it_has_in_the_order_of_their_seats():
    assert compared(rows("pytorch", "theirs", "tensorflow", seats=(2, 0, 1))) == (
        "theirs",
        "tensorflow",
        "pytorch",
    )
    cut_off = rows("pytorch", "tensorflow", seats=(2, 0)).assign(run_id="a")
    proofs = rows("tensorflow", "theirs", "pytorch")
    assert compared(cut_off, proofs) == ("tensorflow", "theirs", "pytorch")


def test_every_two_are_asked_for_once():
    assert pairs(("a", "b", "c")) == [("a", "b"), ("a", "c"), ("b", "c")]


def test_runs_of_different_frameworks_are_not_read_as_one():
    one = rows("tensorflow", "pytorch").assign(run_id="a")
    for other in (rows("pytorch", "theirs"), rows("tensorflow", "pytorch", "theirs")):
        with pytest.raises(
            ResultsUnusable, match=r"some of these runs compare .*; others tensorflow, pytorch"
        ):
            compared(pd.concat([one, other.assign(run_id="b")]))


def test_runs_of_the_same_three_are_read_as_one():
    three = rows("tensorflow", "pytorch", "theirs")
    both = pd.concat([three.assign(run_id="a"), three.assign(run_id="b")])
    assert compared(both) == ("tensorflow", "pytorch", "theirs")
