"""A clock far from the median of its case and framework is a disturbance, known when all rounds are."""

from __future__ import annotations

import pandas as pd

from harness.analysis.disturbed import disturbances


def rounds(clocks_hz, marks=None, case="a", phase="train", framework="pytorch"):
    return pd.DataFrame(
        {
            "case_id": case,
            "phase": phase,
            "framework": framework,
            "gpu_sm_hz": pd.Series(clocks_hz, dtype="float64"),
            "disturbed_by": marks or [None] * len(clocks_hz),
        }
    )


def test_a_clock_more_than_five_percent_off_the_median_is_a_disturbance():
    found = disturbances(rounds([1000, 1000, 1000, 951, 949, 1060]))
    assert found.isna().tolist() == [True, True, True, True, False, False]
    assert set(found.dropna()) == {"clock"}


def test_each_case_and_phase_has_its_own_median():
    frame = pd.concat(
        [rounds([1000, 1000]), rounds([800, 800], case="b"), rounds([600, 600], phase="evaluate")],
        ignore_index=True,
    )
    assert disturbances(frame).isna().all()


def test_frameworks_whose_clocks_settle_apart_do_not_disturb_each_other():
    frame = pd.concat(
        [rounds([1000, 1001, 900]), rounds([1100, 1100, 1101], framework="tensorflow")], ignore_index=True
    )
    assert disturbances(frame).isna().tolist() == [True, True, False, True, True, True]


def test_what_the_engine_marked_keeps_its_name():
    assert disturbances(rounds([1000, 1000, 500], [None, None, "steal"])).tolist()[2] == "steal"


def test_rounds_without_a_gpu_are_judged_by_what_the_engine_marked():
    found = disturbances(rounds([None, None], [None, "others"]))
    assert found.isna().tolist() == [True, False]
