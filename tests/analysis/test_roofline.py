"""Shares of what a device can do: from speeds and probed peaks, never above 1, null where none is known."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from harness.analysis.roofline import roofline
from harness.work.traffic import step_bytes
from harness.work.workload import Workload

WORK = Workload(batch_size=64)
SAMPLE_FLOP = WORK.step_flop / 64
INTENSITY = WORK.step_flop / step_bytes(WORK)


def trials(speeds, *, case_id="c", mode="loop", batch_size=64, device="cpu", precision="fp32", hidden="128"):
    """A finished trial a framework and replicate: `speeds` has each framework's samples a second."""
    return pd.DataFrame(
        [
            {
                "case_id": case_id, "run_id": "r", "match_id": f"{case_id}-{number}", "framework": framework,
                "status": "ok", "mode": mode, "device": device, "precision": precision,
                "batch_size": batch_size, "hidden": hidden, "workers": 1, "train_samples": 60_000,
                "train_samples_per_s": speed, "eval_samples_per_s": 1.0,
                "peak_flop_per_s": np.nan, "peak_bytes_per_s": np.nan, "peak_reason": None,
            }
            for framework, of in speeds.items()
            for number, speed in enumerate(of)
        ]
    )  # fmt: skip


def learned(flop_per_s, bytes_per_s, reason=None, **case):
    """A whole training of each of two frameworks, whose workers found these peaks."""
    found = trials({"tensorflow": [1.0], "pytorch": [1.0]}, **case)
    return found.assign(peak_flop_per_s=flop_per_s, peak_bytes_per_s=bytes_per_s, peak_reason=reason)


SPEEDS = {"tensorflow": [990.0, 1000.0, 1010.0], "pytorch": [495.0, 500.0, 505.0]}


def test_a_share_is_what_was_done_of_the_largest_peak_of_any_worker():
    peaks = [4000 * SAMPLE_FLOP, 2000 * SAMPLE_FLOP]
    tensorflow, pytorch = roofline(trials(SPEEDS), learned(peaks, 1e15)).to_dict("records")
    assert tensorflow["share"] == pytest.approx(0.25, rel=1e-4)
    assert pytorch["share"] == pytest.approx(0.125, rel=1e-4)
    assert tensorflow["share_low"] < 0.25 < tensorflow["share_high"]
    assert tensorflow["flop_per_s"] == pytest.approx(1000 * SAMPLE_FLOP, rel=1e-4)
    assert (tensorflow["bound_by"], tensorflow["exceeded"]) == ("arithmetic", False)
    assert tensorflow["flop_per_byte"] == pytest.approx(INTENSITY)


def test_where_bytes_are_the_bound_it_is_their_peak_times_the_intensity():
    bytes_per_s = 2000 * SAMPLE_FLOP / INTENSITY
    tensorflow, _ = roofline(trials(SPEEDS), learned(1e15, bytes_per_s)).to_dict("records")
    assert tensorflow["bound_by"] == "bytes"
    assert tensorflow["share"] == pytest.approx(0.5, rel=1e-4)


def test_a_peak_that_a_case_exceeds_was_none_and_the_fastest_of_it_counts():
    tensorflow, pytorch = roofline(trials(SPEEDS), learned(800 * SAMPLE_FLOP, 1e15)).to_dict("records")
    assert tensorflow["exceeded"]
    assert pytorch["exceeded"]
    assert tensorflow["share"] == 1
    assert pytorch["share"] == pytest.approx(0.5, rel=1e-4)
    assert tensorflow["peak_flop_per_s"] == 800 * SAMPLE_FLOP


@pytest.mark.parametrize("peak", [10.0, 999.0, 1001.0, 1e9])
def test_no_share_and_no_end_of_an_interval_is_above_1(peak):
    wild = {"tensorflow": [500.0, 1000.0, 2000.0], "pytorch": [900.0, 1000.0, 1100.0]}
    found = roofline(trials(wild), learned(peak * SAMPLE_FLOP, 1e15))
    assert found[["share", "share_low", "share_high"]].max().max() <= 1


def test_cases_of_one_number_format_have_one_peak_of_arithmetic_and_each_its_own_of_bytes():
    other = {"case_id": "d", "batch_size": 512}
    both = pd.concat([trials(SPEEDS), trials(SPEEDS, **other)])
    peaks = pd.concat([learned(1e12, 5e10), learned(2e12, 3e10, **other)])
    found = roofline(both, peaks).drop_duplicates("case_id").set_index("case_id")
    assert list(found["peak_flop_per_s"]) == [2e12, 2e12]
    assert found["peak_bytes_per_s"].to_dict() == {"c": 5e10, "d": 3e10}
    narrow = {"case_id": "e", "precision": "bf16"}
    found = roofline(
        pd.concat([both, trials(SPEEDS, **narrow)]), pd.concat([peaks, learned(7e11, 1e10, **narrow)])
    )
    assert found.set_index("case_id").loc["e", "peak_flop_per_s"].unique().tolist() == [7e11]


def test_without_a_peak_shares_are_null_with_the_reason_and_speeds_stay():
    (tensorflow, _) = roofline(trials(SPEEDS), learned(np.nan, np.nan, "it offers none")).to_dict("records")
    assert math.isnan(tensorflow["share"])
    assert math.isnan(tensorflow["bound_flop_per_s"])
    assert tensorflow["flop_per_s"] > 0
    assert (tensorflow["bound_by"], tensorflow["reason"]) == (None, "it offers none")
    (tensorflow, _) = roofline(trials(SPEEDS), learned(1, 1).iloc[:0]).to_dict("records")
    assert tensorflow["reason"] == "no worker was asked what the device can do"


def test_one_replicate_has_a_share_without_an_interval():
    (row,) = roofline(trials({"pytorch": [500.0]}), learned(1000 * SAMPLE_FLOP, 1e15)).to_dict("records")
    assert row["share"] == pytest.approx(0.5)
    assert math.isnan(row["share_low"])
    assert math.isnan(row["share_high"])


def test_listings_are_left_out_for_their_shapes_are_their_own():
    assert roofline(trials(SPEEDS, mode="article"), learned(1e12, 1e12)).empty
