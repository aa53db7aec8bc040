"""How long a worker may take follows from what it said of its own pace."""

from __future__ import annotations

import math

import pytest

from harness.engine.limits import limit_s, pace_of, seconds
from harness.worker.protocol import Do

PACE = {"train_sample_s": 1e-4, "evaluate_s": 2.0}
ROUND = {"epoch": 0, "first": 0, "last": 60_000}


@pytest.mark.parametrize(
    ("do", "details", "pace", "timeout_s", "found_s"),
    [
        (Do.TRAIN, ROUND, PACE, 3600.0, 300.0),
        (Do.EVALUATE, {"passes": 5}, PACE, 3600.0, 500.0),
        # A proof or a busy machine may take longer than a short round.
        (Do.TRAIN, ROUND | {"last": 100}, PACE, 3600.0, 180.0),
        (Do.TRAIN, ROUND, PACE, 60.0, 60.0),
        (Do.TRAIN, ROUND, {"train_sample_s": None, "evaluate_s": None}, 600.0, 600.0),
        (Do.TRAIN, ROUND, None, 600.0, 600.0),
        (Do.PREDICT, {"batch_size": 1}, PACE, 600.0, 600.0),
    ],
)
def test_a_round_may_take_many_times_as_long_as_the_pace_says_and_no_longer_than_anything(
    do, details, pace, timeout_s, found_s
):
    assert limit_s(do, details, pace, timeout_s) == found_s


@pytest.mark.parametrize("value", [None, "1", math.nan, math.inf, 0, -1.0, [1]])
def test_a_time_that_is_no_number_above_zero_is_none(value):
    assert seconds(value) is None
    assert pace_of({"pace": {"train_sample_s": value, "evaluate_s": 1}}) == {
        "train_sample_s": None, "evaluate_s": 1.0,
    }  # fmt: skip
