"""Seconds of training until the model is good enough, and what is said where it never is."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from harness.analysis.time_to_accuracy import time_to_accuracy, time_to_accuracy_ratio
from harness.settings.presets import FRAMEWORKS
from harness.work.listings import PYTORCH, TENSORFLOW

GOOD_ENOUGH = [0.95, 0.96, 0.97, 0.975]
NEVER = [0.95, 0.96, 0.965, 0.966]


def run(tensorflow, pytorch, *, case_id="case", status="ok", evaluated=True, clock=True):
    """Trials and rounds: each side is a list of replicates, (accuracies by epoch, seconds an epoch)."""
    trials, rounds = [], []
    for framework, side in zip(FRAMEWORKS, (tensorflow, pytorch), strict=True):
        for replicate, (accuracies, epoch_s) in enumerate(side):
            identity = {
                "case_id": case_id,
                "run_id": "run",
                "match_id": f"{case_id}-r{replicate}",
                "framework": framework,
            }
            trials.append({**identity, "status": status})
            for epoch, accuracy in enumerate(accuracies, start=1):
                rounds.append({**identity, "phase": "train", "epoch": epoch, "warm_up": epoch == 1})
                rounds.append(
                    {
                        **identity,
                        "phase": "evaluate",
                        "epoch": epoch,
                        "warm_up": epoch == 1,
                        "accuracy": accuracy if evaluated else math.nan,
                        "trained_s": epoch * epoch_s if clock else math.nan,
                    }
                )
    return pd.DataFrame(trials), pd.DataFrame(rounds)


def sides(trials, rounds, **settings):
    found = time_to_accuracy(trials, rounds, **settings)
    return {row.framework: row for row in found.itertuples()}


def ratio(trials, rounds, **settings):
    (row,) = time_to_accuracy_ratio(trials, rounds, **settings).itertuples()
    return row


def steady(*epoch_s, accuracies=GOOD_ENOUGH):
    return [(accuracies, one) for one in epoch_s]


def test_the_clock_stops_at_the_first_epoch_that_is_good_enough():
    row = sides(*run(steady(2.0, 2.2), steady(1.0, 1.1)))[TENSORFLOW]
    assert row.outcome == "reached"
    assert row.epochs == 3
    assert row.seconds == pytest.approx(3 * math.sqrt(2.0 * 2.2))


def test_accuracy_that_falls_again_was_reached_all_the_same():
    falls = [0.95, 0.97, 0.96, 0.96]
    row = sides(*run(steady(1.0, 1.1, accuracies=falls), steady(1.0, 1.1)))[TENSORFLOW]
    assert (row.epochs, row.outcome) == (2, "reached")


def test_an_epoch_of_the_warm_up_counts():
    row = sides(*run(steady(1.0, 1.1, accuracies=[0.98, 0.98]), steady(1.0, 1.1)))[TENSORFLOW]
    assert row.epochs == 1
    assert row.seconds == pytest.approx(math.sqrt(1.1))


def test_the_order_of_the_rows_does_not_matter():
    trials, rounds = run(steady(2.0, 2.2, 2.1), steady(1.0, 1.1, 1.3))
    shuffled = rounds.sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(time_to_accuracy(trials, rounds), time_to_accuracy(trials, shuffled))


def test_the_interval_is_scipys_t_on_log_seconds():
    sooner = [0.97, *GOOD_ENOUGH[1:]]
    epoch_s = [1.0, 1.3, 0.9, 1.1, 1.2]
    row = sides(*run(steady(*epoch_s), [(sooner, 1.0), *steady(*epoch_s[1:])]), confidence=0.9)[PYTORCH]
    logs = np.log([1.0, *(3 * np.array(epoch_s[1:]))])
    expected = stats.ttest_1samp(logs, 0).confidence_interval(0.9)
    assert (row.seconds_low, row.seconds_high) == pytest.approx(
        (math.exp(expected.low), math.exp(expected.high))
    )
    assert row.seconds_low < row.seconds < row.seconds_high
    assert pd.isna(row.reason)


def test_an_interval_from_one_epoch_says_that_it_knows_nothing_of_the_seeds():
    row = sides(*run(steady(1.0, 1.1, 1.2), steady(1.0, 1.1, 1.2)))[TENSORFLOW]
    assert row.seconds_low < row.seconds < row.seconds_high
    assert row.reason.startswith("all arrived in epoch 3: ")


def test_where_only_some_arrive_there_is_no_interval_and_it_is_said_why():
    mixed = [(GOOD_ENOUGH, 1.0), (NEVER, 1.0), (GOOD_ENOUGH, 1.2)]
    row = sides(*run(mixed, steady(1.0, 1.1, 1.2)))[TENSORFLOW]
    assert (row.outcome, row.reached, row.replicates) == ("reached in 2 of 3", 2, 3)
    assert row.seconds == pytest.approx(3 * math.sqrt(1.2))
    assert pd.isna(row.seconds_low)
    assert pd.isna(row.seconds_high)
    assert "selected sample" in row.reason


def test_never_is_an_outcome_without_seconds():
    row = sides(*run(steady(1.0, 1.1, accuracies=NEVER), steady(1.0, 1.1)))[TENSORFLOW]
    assert (row.outcome, row.reached, row.replicates) == ("not reached", 0, 2)
    assert pd.isna(row.seconds)
    assert pd.isna(row.epochs)


def test_one_replicate_has_seconds_but_no_interval():
    row = sides(*run(steady(1.0), steady(1.0)))[TENSORFLOW]
    assert row.seconds == pytest.approx(3.0)
    assert pd.isna(row.seconds_low)
    assert "one replicate" in row.reason


def test_equal_times_do_not_become_an_interval_of_no_width():
    row = sides(*run(steady(1.0, 1.0), steady(1.0, 1.1)))[TENSORFLOW]
    assert pd.isna(row.seconds_low)
    assert "same time" in row.reason


def test_files_without_the_training_time_still_tell_the_epoch():
    trials, rounds = run(steady(1.0, 1.1), steady(1.0, 1.1), clock=False)
    row = sides(trials, rounds)[TENSORFLOW]
    assert (row.outcome, row.epochs) == ("reached", 3)
    assert pd.isna(row.seconds)
    assert "not measured" in row.reason
    assert "not measured" in ratio(trials, rounds).reason


def test_a_trial_that_was_not_evaluated_did_not_miss_the_target():
    row = sides(*run(steady(1.0, 1.1), steady(1.0, 1.1), evaluated=False))[TENSORFLOW]
    assert pd.isna(row.outcome)
    assert pd.isna(row.reached)
    assert "2 of 2 trials were not evaluated" in row.reason


def test_trials_that_failed_are_no_replicates():
    trials, rounds = run(steady(1.0, 1.1, 9.0), steady(1.0, 1.1, 9.0))
    trials.loc[trials["match_id"] == "case-r2", "status"] = "failed"
    row = sides(trials, rounds)[TENSORFLOW]
    assert (row.replicates, row.outcome) == (2, "reached")
    assert row.seconds < 9


def test_a_case_of_which_nothing_finished_keeps_its_rows():
    trials, rounds = run(steady(1.0), steady(1.0), status="failed")
    found = sides(trials, rounds)
    assert {name: row.reason for name, row in found.items()} == dict.fromkeys(FRAMEWORKS, "no trial finished")
    assert ratio(trials, rounds).reason == "no match finished"


def test_no_trials_give_no_rows():
    trials, rounds = run(steady(1.0), steady(1.0))
    assert time_to_accuracy(trials.iloc[:0], rounds.iloc[:0]).empty
    assert time_to_accuracy_ratio(trials.iloc[:0], rounds.iloc[:0]).empty


def test_cases_keep_apart_and_in_order():
    slow = run(steady(5.0, 5.1), steady(5.0, 5.1), case_id="slow")
    fast = run(steady(1.0, 1.1), steady(1.0, 1.1), case_id="fast")
    trials, rounds = (pd.concat(both, ignore_index=True) for both in zip(slow, fast, strict=True))
    found = time_to_accuracy(trials, rounds)
    assert list(found["case_id"]) == ["slow", "slow", "fast", "fast"]
    assert list(found["framework"]) == [*FRAMEWORKS, *FRAMEWORKS]
    assert list(found["seconds"] > 10) == [True, True, False, False]


def test_the_ratio_is_pytorchs_seconds_over_tensorflows_paired_by_replicate():
    tensorflow, pytorch = np.array([1.0, 2.0, 4.0]), np.array([1.5, 3.1, 5.8])
    row = ratio(*run(steady(*tensorflow), steady(*pytorch)))
    logs = np.log(pytorch / tensorflow)
    expected = stats.ttest_1samp(logs, 0).confidence_interval(0.95)
    assert row.replicates == 3
    assert row.ratio == pytest.approx(math.exp(logs.mean()))
    assert (row.ratio_low, row.ratio_high) == pytest.approx((math.exp(expected.low), math.exp(expected.high)))


def test_the_ratio_needs_every_replicate_of_both_sides():
    mixed = [(GOOD_ENOUGH, 1.0), (NEVER, 1.0), (GOOD_ENOUGH, 1.2)]
    row = ratio(*run(steady(1.0, 1.1, 1.2), mixed))
    assert pd.isna(row.ratio)
    assert "not every replicate" in row.reason


def test_a_replicate_with_one_side_finished_is_not_paired():
    trials, rounds = run(steady(1.0, 1.1, 7.0), steady(2.0, 2.2, 2.1))
    trials.loc[(trials["match_id"] == "case-r2") & (trials["framework"] == TENSORFLOW), "status"] = "failed"
    row = ratio(trials, rounds)
    assert row.replicates == 2
    assert row.ratio == pytest.approx(2.0)


@pytest.mark.parametrize("settings", [{"target": 97}, {"target": 0}, {"confidence": 1.0}])
def test_what_is_out_of_range_is_refused(settings):
    trials, rounds = run(steady(1.0), steady(1.0))
    (value,) = settings.values()
    for function in (time_to_accuracy, time_to_accuracy_ratio):
        with pytest.raises(ValueError, match=str(value)):
            function(trials, rounds, **settings)
