"""Tries add up to how often each way is wrong."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy.stats import beta

from harness.analysis.calibration import RESOLVED, calibration, false_alarms, families
from harness.analysis.statistics import MIN_REPLICATES, judge
from harness.analysis.usual import IN_TURNS
from harness.store.schema import ATTEMPTS


def attempts(
    says,
    *,
    share=0.0,
    way=IN_TURNS,
    ratio=1.0,
    reach=0.02,
    try_s=20.0,
    case_id="b64",
    replicates=MIN_REPLICATES,
):
    rows = [
        {
            "calibration_id": "c",
            "number": number,
            "case_id": case_id,
            "planted_share": share,
            "try_s": try_s,
            "way": way,
            "says": said,
            "ratio": ratio,
            "ratio_low": ratio / (1 + reach) if way == IN_TURNS else None,
            "ratio_high": ratio * (1 + reach) if way == IN_TURNS else None,
            "replicates": replicates,
            "measured_s": try_s,
            "wall_s": 2 * try_s,
        }
        for number, said in enumerate(says)
    ]
    return pa.Table.from_pylist(rows, schema=ATTEMPTS).to_pandas()


def test_any_difference_is_wrong_where_nothing_was_planted():
    (row,) = calibration(attempts(["first faster", "second faster", "inconclusive", "equivalent"])).to_dict(
        "records"
    )
    assert (row["tries"], row["wrong"], row["undecided"], row["equivalent"]) == (4, 2, 1, 1)
    assert pd.isna(row["found_share"])


def test_the_wrong_sign_is_wrong_and_the_right_one_found():
    frame = calibration(
        attempts(["first faster", "first faster", "second faster", "inconclusive"], share=0.05)
    )
    (row,) = frame.to_dict("records")
    assert (row["wrong"], row["found_share"]) == (1, 0.5)


@pytest.mark.parametrize(("share", "wrong"), [(0.01, 0), (0.05, 1)])
def test_equivalent_is_wrong_only_where_more_than_the_margin_was_planted(share, wrong):
    (row,) = calibration(attempts(["equivalent"], share=share)).to_dict("records")
    assert row["wrong"] == wrong


def test_shares_have_the_exact_interval_of_clopper_and_pearson():
    (row,) = calibration(attempts(["first faster"] * 3 + ["inconclusive"] * 57)).to_dict("records")
    assert row["wrong_share_low"] == pytest.approx(beta.ppf(0.025, 3, 58))
    assert row["wrong_share_high"] == pytest.approx(beta.ppf(0.975, 4, 57))


def test_an_interval_is_held_against_the_ratio_that_was_planted():
    (held,) = calibration(attempts(["first faster"], share=0.05, ratio=1.06)).to_dict("records")
    (missed,) = calibration(attempts(["first faster"], share=0.05, ratio=1.09)).to_dict("records")
    assert (held["covered"], missed["covered"]) == (1, 0)


def test_the_own_way_comes_first_and_ways_without_intervals_have_none():
    both = pd.concat([attempts(["first faster"], way="welch"), attempts(["inconclusive"])])
    frame = calibration(both)
    assert frame["way"].tolist() == [IN_TURNS, "welch"]
    assert frame["covered"].isna().tolist() == [False, True]
    for name in RESOLVED:
        assert frame[name].isna().tolist() == [False, True]


def test_tries_of_different_lengths_are_summed_apart():
    both = pd.concat([attempts(["inconclusive"], try_s=10.0), attempts(["inconclusive"], try_s=60.0)])
    assert calibration(both)["try_s"].tolist() == [10.0, 60.0]


def test_tries_in_different_numbers_of_matches_are_summed_apart():
    few, many = (attempts(["inconclusive"], replicates=count) for count in (6, 20))
    frame = calibration(pd.concat([many, few]))
    assert frame["replicates"].tolist() == [6, 20]
    assert frame["tries"].tolist() == [1, 1]


def test_cases_are_summed_apart_in_their_own_order_within_what_was_planted():
    both = pd.concat(
        [
            attempts(["inconclusive"], case_id=case_id, share=share)
            for case_id in ("b64", "b512")
            for share in (0.05, 0.0)
        ]
    )
    found = calibration(both)
    told = list(zip(found["planted_share"], found["case_id"], strict=True))
    assert told == [(0.0, "b64"), (0.0, "b512"), (0.05, "b64"), (0.05, "b512")]


@pytest.mark.parametrize(
    ("share", "ratio", "found", "wrong_sign"),
    [(0.01, 1.015, 1, 0), (0.01, 1.005, 0, 0), (0.01, 0.985, 0, 1), (0.05, 1.015, 0, 0), (0.0, 1.015, 0, 0)],
)
def test_within_the_margin_a_slow_down_is_found_where_the_interval_lies_on_its_side_of_1(
    share, ratio, found, wrong_sign
):
    """There both may be called equivalent; beyond it that is wrong, and where none is none is found."""
    (row,) = calibration(attempts(["equivalent"], share=share, ratio=ratio, reach=0.01)).to_dict("records")
    assert (row["found"], row["wrong_sign"]) == (found, wrong_sign)


def test_nothing_is_resolved_in_less_time_than_a_verdict_takes():
    # Six replicates in 40 s, and in 400 s.
    brief, long = (calibration(attempts(["inconclusive"], ratio=1.01, try_s=s)).iloc[0] for s in (20, 200))
    assert brief[[*RESOLVED]].notna().all()
    assert list(long[[*RESOLVED]].isna()) == [True, True, False]


def test_a_single_try_that_was_right_by_chance_claims_no_more_than_its_interval():
    wide, narrow = (
        calibration(attempts(["inconclusive"], ratio=1.0, reach=reach)).iloc[0] for reach in (0.1, 0.01)
    )
    for name in RESOLVED:
        # An interval that is ten times as wide: a difference ten times as large.
        assert np.log1p(wide[name]) / np.log1p(narrow[name]) == pytest.approx(np.log(1.1) / np.log(1.01))


@pytest.mark.slow
@pytest.mark.parametrize("name", RESOLVED)
def test_what_is_resolved_in_a_time_is_found_nine_times_in_ten(name):
    """Tries with known noise: the difference that it claims to find by then, runs of that length find."""
    rng = np.random.default_rng(0)
    spread, rows = 0.02, []
    for sample in rng.normal(0, spread, (400, MIN_REPLICATES)):
        interval = judge(sample).interval
        rows.append({"ratio": interval.estimate, "ratio_low": interval.low, "ratio_high": interval.high})
    # A replicate takes ten seconds.
    made = attempts(["inconclusive"] * len(rows), try_s=30.0).assign(**pd.DataFrame(rows).to_dict("list"))
    resolved = calibration(made)[name].iloc[0]
    measured = rng.normal(np.log1p(resolved), spread, (2000, RESOLVED[name] // 10))
    found = [judge(sample).p_difference_adjusted <= 0.05 for sample in measured]
    assert 0.85 < np.mean(found) < 0.95


def test_a_try_of_several_cases_errs_once_however_many_of_them_are_called():
    one = attempts(["first faster", "inconclusive", "equivalent", "first faster"], case_id="b64")
    other = attempts(["second faster", "inconclusive", "first faster", "inconclusive"], case_id="b512")
    slowed = attempts(["first faster"] * 4, share=0.05, case_id="b512").assign(number=range(4, 8))
    (told,) = families(pd.concat([one, other, slowed])).to_dict("records")
    assert (told["tries"], told["wrong"]) == (4, 3)
    assert (told["try_s"], told["replicates"]) == (20, MIN_REPLICATES)
    assert told["wrong_share_low"] == pytest.approx(beta.ppf(0.025, 3, 2))
    assert told["wrong_share_high"] == pytest.approx(beta.ppf(0.975, 4, 1))


def test_tries_of_one_case_are_no_families_nor_are_two_calibrations_one():
    one, other = attempts(["inconclusive"], case_id="b64"), attempts(["inconclusive"], case_id="b512")
    assert families(one).empty
    assert families(one[:0]).empty
    assert families(pd.concat([one, other.assign(calibration_id="another")])).empty


def test_false_alarms_are_counted_over_whatever_does_not_tell_tries_apart():
    few, many = (attempts(["first faster", "inconclusive"], replicates=count) for count in (6, 20))
    slowed = attempts(["first faster"], share=0.05)
    usual = attempts(["first faster"], way="welch")
    tried = pd.concat([few, many, slowed, usual])
    (pooled,) = false_alarms(tried, ["case_id", "try_s"]).to_dict("records")
    assert (pooled["tries"], pooled["wrong"], pooled["wrong_share"]) == (4, 2, 0.5)
    assert false_alarms(tried, ["replicates"])["tries"].tolist() == [2, 2]
    assert false_alarms(tried[:0], ["case_id", "try_s"]).empty
