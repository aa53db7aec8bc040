"""Two runs as frames: what is matched, what is called, and how often that is wrong."""

from __future__ import annotations

import pandas as pd
import pytest
from measured_runs import trials

from harness.analysis.compare import Change, Rule, compare
from harness.analysis.statistics import MIN_REPLICATES


def row(found, framework, phase="train"):
    return found[(found["framework"] == framework) & (found["phase"] == phase)].iloc[0]


def test_a_run_compared_with_itself_has_not_changed():
    run = trials("one")
    found = compare(run, run, Rule(slower_share=0.05))
    assert len(found) == 4
    assert set(found["change"]) == {Change.EQUIVALENT}
    assert found["speed_ratio"].to_list() == pytest.approx([1] * 4)
    assert not found["too_slow"].any()


def test_a_framework_that_became_slower_is_found_and_the_other_is_not_blamed():
    found = compare(trials("a"), trials("b", speeds=(900.0, 2000.0), seed=1), Rule(slower_share=0.05))
    slow = row(found, "tensorflow")
    assert slow["change"] == Change.SLOWER
    assert slow["too_slow"]
    assert slow["speed_ratio_low"] < 0.9 < slow["speed_ratio_high"]
    assert slow["relative_ratio"] == pytest.approx(0.9, rel=0.03)
    assert row(found, "pytorch")["change"] == Change.EQUIVALENT
    assert not row(found, "pytorch")["too_slow"]


def test_a_slower_machine_shows_in_both_frameworks_and_not_in_the_one_over_the_other():
    found = compare(trials("a"), trials("b", speeds=(900.0, 1800.0), seed=1))
    assert set(found["change"]) == {Change.SLOWER}
    relative = found.loc[found["phase"] == "train"]
    assert ((relative["relative_ratio_low"] < 1) & (relative["relative_ratio_high"] > 1)).all()


def test_only_cases_that_both_runs_measured_are_matched():
    found = compare(trials("a", batches=(64, 512)), trials("b", batches=(512, 4096)))
    assert set(found["batch_size"]) == {512}


def test_failed_trials_do_not_count_and_too_few_replicates_call_nothing():
    run = trials("b")
    run.loc[run["match_id"].str.endswith(("r0", "r1")) & (run["framework"] == "pytorch"), "status"] = "failed"
    found = compare(trials("a"), run)
    lost = row(found, "pytorch")
    assert lost["replicates_b"] == 4
    assert (lost["change"], lost["reason"]) == (
        Change.INCONCLUSIVE,
        f"B has 4 replicates; at least {MIN_REPLICATES} are needed",
    )
    assert lost["speed_ratio_low"] < lost["speed_ratio"] < lost["speed_ratio_high"]
    assert pd.isna(lost["p_value"])
    assert row(found, "tensorflow")["change"] == Change.EQUIVALENT


def test_a_framework_that_never_finished_in_one_run_has_a_reason_and_no_ratio():
    run = trials("b")
    run.loc[run["framework"] == "pytorch", "status"] = "failed"
    lost = row(compare(trials("a"), run), "pytorch")
    assert lost["reason"] == f"B has 0 replicates; at least {MIN_REPLICATES} are needed"
    assert pd.isna(lost["speed_ratio"])
    assert pd.isna(lost["relative_ratio"])


def test_the_limit_is_cleared_by_the_interval_and_not_by_the_estimate():
    slower = trials("b", speeds=(910.0, 2000.0), noise=0.03, seed=1)
    found = row(compare(trials("a", noise=0.03), slower, Rule(slower_share=0.05)), "tensorflow")
    assert found["speed_ratio"] < 1 / 1.05 < found["speed_ratio_high"]
    assert not found["too_slow"]


@pytest.mark.slow
def test_many_unchanged_cases_are_called_changed_no_more_often_than_is_said():
    simulations, batches = 100, (32, 64, 128, 256)
    rule = Rule(slower_share=0.001)
    wrong = too_slow = 0
    for number in range(simulations):
        a = trials("a", batches=batches, replicates=5, noise=0.05, seed=2 * number)
        b = trials("b", batches=batches, replicates=5, noise=0.05, seed=2 * number + 1)
        found = compare(a, b, rule)
        train = found[found["phase"] == "train"]
        wrong += train["change"].isin([Change.FASTER, Change.SLOWER]).any()
        too_slow += train["too_slow"].any()
    # 5 % and 2.5 % are promised, and three standard errors of a hundred simulations allowed on top; without
    # the correction for eight rows it would be a third, and a sixth.
    assert wrong / simulations < 0.05 + 0.066
    assert too_slow / simulations < 0.025 + 0.047


def test_of_three_frameworks_the_relative_change_is_over_the_others_geometric_mean():
    before, after = (1000.0, 2000.0, 1500.0), (900.0, 2000.0, 1500.0)
    found = compare(trials("a", speeds=before), trials("b", speeds=after, seed=1))
    assert list(found.loc[found["phase"] == "train", "framework"]) == ["tensorflow", "pytorch", "theirs"]
    assert row(found, "tensorflow")["relative_ratio"] == pytest.approx(0.9, rel=0.03)
    for other in ("pytorch", "theirs"):
        assert row(found, other)["change"] == Change.EQUIVALENT
        assert row(found, other)["relative_ratio"] == pytest.approx(0.9**-0.5, rel=0.03)
