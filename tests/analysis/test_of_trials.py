"""Whose ratio it is follows from the rows, whatever the two frameworks are."""

from __future__ import annotations

import pandas as pd
import pytest

from harness.analysis.of_trials import pair_of
from harness.errors import ResultsUnusable
from harness.settings.presets import FRAMEWORKS


def rows(*frameworks, seats=None):
    frame = pd.DataFrame({"framework": pd.Series(frameworks, dtype="str")})
    return frame if seats is None else frame.assign(seat=list(seats))


def test_the_framework_of_side_a_comes_first():
    assert pair_of(rows("pytorch", "tensorflow", "pytorch", seats=(0, 1, 0))) == ("pytorch", "tensorflow")
    assert pair_of(rows("theirs", "pytorch", seats=(0, 1))) == ("theirs", "pytorch")


def test_without_sides_the_order_of_the_records_decides():
    assert pair_of(rows("pytorch", "tensorflow")) == ("tensorflow", "pytorch")
    assert pair_of(rows("theirs", "pytorch", seats=[None, None])) == ("pytorch", "theirs")


def test_what_has_certificates_alone_counts_as_well():
    assert pair_of(rows(), rows("pytorch", "theirs")) == ("pytorch", "theirs")


def test_a_run_that_was_cut_off_at_once_compared_the_usual_two():
    assert pair_of(rows()) == FRAMEWORKS
    assert pair_of(rows("pytorch", seats=[1])) == ("tensorflow", "pytorch")
    assert pair_of(rows("pytorch", seats=[0])) == ("pytorch", "tensorflow")


def test_runs_of_more_than_two_are_not_read_as_one():
    with pytest.raises(
        ResultsUnusable, match="these runs compare tensorflow and pytorch and theirs; a ratio is"
    ):
        pair_of(rows("tensorflow", "pytorch", "theirs"))
