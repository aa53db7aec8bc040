"""Seconds of training until the model is good enough, and what is said where it never is."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from harness.analysis.intervals import product_interval
from harness.analysis.time_to_accuracy import time_to_accuracy, time_to_accuracy_ratio
from harness.settings.presets import FRAMEWORKS
from harness.work.listings import PYTORCH, TENSORFLOW

GOOD_ENOUGH = [0.95, 0.96, 0.97, 0.975]
SOONER = [0.95, 0.97, 0.97, 0.975]
NEVER = [0.95, 0.96, 0.965, 0.966]
SAMPLES = 1000


def learned(*sides, case_id="case", status="ok", evaluated=True):
    """Whole trainings and their rounds: each framework's are a list of accuracies by epoch, one a seed."""
    trials, rounds = [], []
    for framework, seeds in zip(FRAMEWORKS, sides, strict=True):
        for seed, accuracies in enumerate(seeds):
            identity = {
                "case_id": case_id,
                "run_id": "run",
                "match_id": f"{case_id}-learning-r{seed}",
                "framework": framework,
            }
            trials.append({**identity, "status": status, "train_samples": SAMPLES})
            for epoch, accuracy in enumerate(accuracies, start=1):
                rounds.append({**identity, "phase": "train", "epoch": epoch, "accuracy": math.nan})
                seen = accuracy if evaluated else math.nan
                rounds.append({**identity, "phase": "evaluate", "epoch": epoch, "accuracy": seen})
    return pd.DataFrame(trials), pd.DataFrame(rounds)


def raced(*sides, case_id="case"):
    """Trials in turns: each framework's are seconds that an epoch takes, one a match."""
    return pd.DataFrame(
        [
            {
                "case_id": case_id,
                "run_id": "run",
                "match_id": f"{case_id}-r{replicate}",
                "framework": framework,
                "status": "ok",
                "train_samples_per_s": SAMPLES / epoch_s,
            }
            for framework, side in zip(FRAMEWORKS, sides, strict=True)
            for replicate, epoch_s in enumerate(side)
        ]
    )


LEARNED = learned([GOOD_ENOUGH] * 3, [GOOD_ENOUGH, SOONER, SOONER])
RACED = raced([2.0, 2.2, 2.1, 1.9], [1.0, 1.1, 1.3, 0.9])


def sides(of=LEARNED, trials=RACED, **settings):
    found = time_to_accuracy(*of, trials, **settings)
    return {row.framework: row for row in found.itertuples()}


def ratio(of=LEARNED, trials=RACED, **settings):
    (row,) = time_to_accuracy_ratio(*of, trials, **settings).itertuples()
    return row


def test_a_time_is_the_epochs_that_were_needed_at_the_speed_that_was_measured():
    found = sides()
    assert (found[TENSORFLOW].epochs, found[PYTORCH].epochs) == (3, 2)
    assert found[TENSORFLOW].seconds == pytest.approx(3 * stats.gmean([2.0, 2.2, 2.1, 1.9]))
    assert found[PYTORCH].seconds == pytest.approx(stats.gmean([3, 2, 2]) * stats.gmean([1.0, 1.1, 1.3, 0.9]))
    assert {(row.seeds, row.replicates, row.outcome) for row in found.values()} == {(3, 4, "reached")}


def test_accuracy_that_falls_again_was_reached_all_the_same():
    falls = [0.95, 0.97, 0.96, 0.96]
    row = sides(learned([falls] * 2, [GOOD_ENOUGH] * 2))[TENSORFLOW]
    assert (row.epochs, row.outcome) == (2, "reached")


def test_the_order_of_the_rows_does_not_matter():
    trials, rounds = LEARNED
    shuffled = rounds.sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(
        time_to_accuracy(trials, rounds, RACED), time_to_accuracy(trials, shuffled, RACED)
    )


def test_the_interval_holds_the_noise_of_the_seeds_and_that_of_the_speed():
    row = sides(confidence=0.9)[PYTORCH]
    expected = product_interval(np.log([3, 2, 2]), np.log([1.0, 1.1, 1.3, 0.9]), 0.9)
    assert (row.seconds_low, row.seconds_high) == pytest.approx((expected.low, expected.high))
    assert row.seconds_low < row.seconds < row.seconds_high
    assert pd.isna(row.reason)


def test_an_interval_from_one_epoch_says_that_it_knows_nothing_of_the_seeds():
    row = sides()[TENSORFLOW]
    alone = stats.ttest_1samp(np.log([2.0, 2.2, 2.1, 1.9]), 0).confidence_interval()
    assert (row.seconds_low, row.seconds_high) == pytest.approx(
        (3 * math.exp(alone.low), 3 * math.exp(alone.high))
    )
    assert row.reason.startswith("all arrived in epoch 3: ")


def test_where_only_some_arrive_there_is_no_interval_and_it_is_said_why():
    row = sides(learned([GOOD_ENOUGH, NEVER, GOOD_ENOUGH], [GOOD_ENOUGH] * 3))[TENSORFLOW]
    assert (row.outcome, row.reached, row.seeds) == ("reached in 2 of 3", 2, 3)
    assert row.seconds == pytest.approx(3 * stats.gmean([2.0, 2.2, 2.1, 1.9]))
    assert pd.isna(row.seconds_low)
    assert pd.isna(row.seconds_high)
    assert "selected sample" in row.reason


def test_never_is_an_outcome_without_seconds():
    row = sides(learned([NEVER] * 2, [GOOD_ENOUGH] * 2))[TENSORFLOW]
    assert (row.outcome, row.reached, row.seeds) == ("not reached", 0, 2)
    assert pd.isna(row.seconds)
    assert pd.isna(row.epochs)


def test_one_seed_or_one_replicate_has_seconds_but_no_interval():
    row = sides(learned([GOOD_ENOUGH], [GOOD_ENOUGH]))[TENSORFLOW]
    assert row.seconds > 0
    assert pd.isna(row.seconds_low)
    assert "one seed" in row.reason
    row = sides(trials=raced([2.0], [1.0]))[TENSORFLOW]
    assert row.seconds == pytest.approx(6.0)
    assert "one replicate" in row.reason


def test_equal_times_do_not_become_an_interval_of_no_width():
    row = sides(trials=raced([1.0, 1.0], [1.0, 1.1]))[TENSORFLOW]
    assert pd.isna(row.seconds_low)
    assert "same time" in row.reason


def test_where_no_speed_was_measured_the_epoch_is_told():
    trials = RACED.iloc[:0]
    row = sides(trials=trials)[TENSORFLOW]
    assert (row.outcome, row.epochs) == ("reached", 3)
    assert pd.isna(row.seconds)
    assert row.reason == "its speed was not measured"
    assert ratio(trials=trials).reason == "no match of both finished"


def test_a_training_that_was_not_evaluated_did_not_miss_the_target():
    row = sides(learned([GOOD_ENOUGH] * 2, [GOOD_ENOUGH] * 2, evaluated=False))[TENSORFLOW]
    assert pd.isna(row.outcome)
    assert pd.isna(row.reached)
    assert "2 of 2 trainings were not evaluated" in row.reason


def test_trainings_that_failed_are_no_seeds():
    trials, rounds = learned([GOOD_ENOUGH, GOOD_ENOUGH, NEVER], [GOOD_ENOUGH] * 3)
    trials.loc[trials["match_id"] == "case-learning-r2", "status"] = "failed"
    row = sides((trials, rounds))[TENSORFLOW]
    assert (row.seeds, row.outcome) == (2, "reached")


def test_a_case_of_which_nothing_was_learned_keeps_its_rows():
    of = learned([GOOD_ENOUGH], [GOOD_ENOUGH], status="failed")
    assert {name: row.reason for name, row in sides(of).items()} == dict.fromkeys(
        FRAMEWORKS, "no training finished"
    )
    assert ratio(of).reason == "no training of both finished"


def test_no_trials_give_no_rows():
    nothing = [frame.iloc[:0] for frame in (*LEARNED, RACED)]
    assert time_to_accuracy(*nothing).empty
    assert time_to_accuracy_ratio(*nothing).empty


def test_cases_keep_apart_and_in_order():
    both = [learned([GOOD_ENOUGH] * 2, [GOOD_ENOUGH] * 2, case_id=name) for name in ("slow", "fast")]
    trials = pd.concat(
        [raced([5.0, 5.1], [5.0, 5.1], case_id="slow"), raced([1.0, 1.1], [1.0, 1.1], case_id="fast")]
    )
    found = time_to_accuracy(*(pd.concat(frames) for frames in zip(*both, strict=True)), trials)
    assert list(found["case_id"]) == ["slow", "slow", "fast", "fast"]
    assert list(found["framework"]) == [*FRAMEWORKS, *FRAMEWORKS]
    assert list(found["seconds"] > 10) == [True, True, False, False]


def test_the_ratio_is_pytorchs_seconds_over_tensorflows_epochs_by_seed_and_speeds_by_match():
    row = ratio()
    seconds = np.log(np.array([1.0, 1.1, 1.3, 0.9]) / np.array([2.0, 2.2, 2.1, 1.9]))
    expected = product_interval(np.log([1, 2 / 3, 2 / 3]), seconds)
    assert (row.seeds, row.replicates) == (3, 4)
    assert row.ratio == pytest.approx(expected.estimate)
    assert (row.ratio_low, row.ratio_high) == pytest.approx((expected.low, expected.high))


def test_the_ratio_needs_every_seed_of_both_sides():
    row = ratio(learned([GOOD_ENOUGH] * 3, [GOOD_ENOUGH, NEVER, GOOD_ENOUGH]))
    assert pd.isna(row.ratio)
    assert "not every seed" in row.reason


def test_a_seed_with_one_side_finished_is_not_paired():
    trials, rounds = learned([GOOD_ENOUGH, GOOD_ENOUGH, SOONER], [GOOD_ENOUGH] * 3)
    last = (trials["match_id"] == "case-learning-r2") & (trials["framework"] == TENSORFLOW)
    trials.loc[last, "status"] = "failed"
    row = ratio((trials, rounds), raced([2.0, 2.2], [1.0, 1.1]))
    assert row.seeds == 2
    assert row.ratio == pytest.approx(0.5)


@pytest.mark.parametrize("settings", [{"target": 97}, {"target": 0}, {"confidence": 1.0}])
def test_what_is_out_of_range_is_refused(settings):
    (value,) = settings.values()
    for function in (time_to_accuracy, time_to_accuracy_ratio):
        with pytest.raises(ValueError, match=str(value)):
            function(*LEARNED, RACED, **settings)
