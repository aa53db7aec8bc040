"""Where the other framework takes the lead, along the arithmetic of a step."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from harness.analysis.crossing import crossing, step_flop
from harness.work.workload import Workload


def judged(*rows):
    """Cases with a step of so much arithmetic, each (flop, ratio, relative half-width)."""
    return pd.DataFrame(
        [
            {
                "speed_of": "tensorflow", "speed_over": "pytorch", "step_flop": float(flop),
                "speed_ratio": ratio,
                "speed_ratio_low": ratio / (1 + half), "speed_ratio_high": ratio * (1 + half),
            }
            for flop, ratio, half in rows
        ]
    )  # fmt: skip


def test_a_steps_arithmetic_is_that_of_its_batch_and_its_layers():
    rows = pd.DataFrame({"batch_size": [32, 64], "hidden": ["128", "512x512"]})
    works = [Workload(batch_size=32), Workload(batch_size=64, hidden=(512, 512))]
    assert list(step_flop(rows)) == [work.step_flop for work in works]


def test_the_crossing_lies_where_the_ratio_is_one_between_its_neighbours_and_in_its_interval():
    found = crossing(judged((1e6, 2.0, 0.02), (1e8, 0.5, 0.02)))
    assert found.flop == pytest.approx(1e7)
    assert (found.below, found.above) == ("tensorflow", "pytorch")
    # The ratio falls fourfold while the arithmetic grows a hundredfold.
    assert np.log(found.high / found.flop) == pytest.approx(np.log(1.02) * np.log(100) / np.log(4), rel=0.01)
    assert found.low * found.high == pytest.approx(found.flop**2, rel=0.01)


def test_the_order_of_the_rows_does_not_matter_and_either_framework_may_lead_first():
    found = crossing(judged((1e8, 2.0, 0.02), (1e6, 0.5, 0.02), (1e7, 0.8, 0.02)))
    assert (found.below, found.above) == ("pytorch", "tensorflow")
    assert 1e7 < found.low < found.flop < found.high < 1e8


def test_where_a_case_between_cannot_be_called_the_interval_holds_it():
    found = crossing(judged((1e6, 1.5, 0.02), (1e7, 1.01, 0.05), (1e8, 0.6, 0.02)))
    assert found.low < 1e7 < found.flop < found.high


@pytest.mark.parametrize(
    "rows",
    [
        [(1e6, 1.5, 0.02)],
        [(1e6, 1.5, 0.02), (1e8, 1.2, 0.02)],
        [(1e6, 1.5, 0.02), (1e8, 0.99, 0.05)],
        [(1e6, 1.01, 0.05), (1e8, 0.5, 0.02)],
        [(1e6, 1.5, 0.02), (2e6, 0.7, 0.02), (1e7, 1.5, 0.02), (1e8, 0.5, 0.02)],
    ],
    ids=["one case", "one leader", "the end is open", "the beginning is open", "to and fro"],
)
def test_there_is_no_crossing_unless_one_is_sure(rows):
    assert crossing(judged(*rows)) is None


def test_an_interval_holds_the_truth_as_often_as_it_says():
    """Ratios that change evenly from 1.3 to 0.8, measured with an error of 4 % at five networks."""
    rng, hits, tries = np.random.default_rng(3), 0, 400
    flop = np.logspace(6, 9, 5)
    truth = np.interp(np.log(flop), np.log(flop[[0, -1]]), np.log([1.3, 0.8]))
    crossed = np.exp(np.interp(0, -np.log([1.3, 0.8]), np.log(flop[[0, -1]])))
    for _ in range(tries):
        said = np.exp(truth + 0.02 * rng.standard_normal(5))
        half = np.exp(1.96 * 0.02) - 1
        found = crossing(judged(*((one, ratio, half) for one, ratio in zip(flop, said, strict=True))))
        hits += found is not None and found.low <= crossed <= found.high
    assert hits / tries > 0.94
