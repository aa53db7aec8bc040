"""Accuracies and loss curves of whole trainings, compared with the spread between seeds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from harness.analysis.agreement import agreement
from harness.settings.presets import FRAMEWORKS
from harness.work.listings import TENSORFLOW

EPOCHS = 3


def run(
    *, replicates=10, accuracy_gap=0.0, accuracy_sd=0.001, loss_gap=0.0, loss_sd=0.01, case_id="case", seed=1
):
    """Trials and rounds whose frameworks differ by what is given."""
    rng = np.random.default_rng(seed)
    trials, rounds = [], []
    for replicate in range(replicates):
        # Both have a seed's initial weights and batches: most of its luck is shared.
        luck = rng.normal(size=EPOCHS)
        for framework in FRAMEWORKS:
            side = framework == TENSORFLOW
            identity = {
                "case_id": case_id,
                "run_id": "run",
                "match_id": f"{case_id}-r{replicate}",
                "trial_id": f"{case_id}-r{replicate}-{framework}",
                "framework": framework,
            }
            accuracy = 0.975 + side * accuracy_gap + accuracy_sd * rng.normal()
            trials.append({**identity, "status": "ok", "final_accuracy": accuracy})
            rounds.extend(
                {
                    **identity,
                    "phase": "train",
                    "epoch": epoch,
                    "loss": 0.3 / epoch
                    + side * loss_gap * (epoch == 2)
                    + loss_sd * (0.95 * luck[epoch - 1] + 0.3 * rng.normal()),
                }
                for epoch in range(1, EPOCHS + 1)
            )
    return pd.DataFrame(trials), pd.DataFrame(rounds)


def only(trials, rounds, **settings):
    (row,) = agreement(trials, rounds, **settings).itertuples()
    return row


def test_equal_frameworks_agree():
    row = only(*run())
    assert row.accuracies_agree
    assert row.losses_agree
    assert pd.isna(row.reason)
    assert row.accuracy_difference_low < row.accuracy_difference < row.accuracy_difference_high


def test_the_two_tests_are_scipys_on_the_paired_differences():
    trials, rounds = run(accuracy_gap=0.003, accuracy_sd=0.002)
    sides = trials.pivot_table(index="match_id", columns="framework", values="final_accuracy")
    difference = sides["tensorflow"] - sides["pytorch"]
    expected = max(
        stats.ttest_1samp(difference, -0.005, alternative="greater").pvalue,
        stats.ttest_1samp(difference, 0.005, alternative="less").pvalue,
    )
    row = only(trials, rounds)
    assert row.p_equivalence == pytest.approx(expected)
    interval = stats.ttest_1samp(difference, 0).confidence_interval(0.9)
    assert (row.accuracy_difference_low, row.accuracy_difference_high) == pytest.approx(tuple(interval))


def test_a_difference_of_the_margin_is_not_agreement():
    row = only(*run(accuracy_gap=0.005))
    assert not row.accuracies_agree
    assert "less than 0.5 percentage points is not shown" in row.reason


def test_noise_too_large_to_tell_is_not_agreement():
    assert not only(*run(accuracy_sd=0.02)).accuracies_agree


def test_a_wider_margin_is_easier_to_keep():
    assert only(*run(accuracy_gap=0.005), margin=0.01).accuracies_agree


def test_curves_further_apart_than_seeds_are_told_with_their_epoch():
    row = only(*run(loss_gap=0.05))
    assert not row.losses_agree
    assert row.loss_gap_epoch == 2
    assert row.loss_gap > 3
    assert row.reason.startswith("in epoch 2 the mean losses lie")


def test_seeds_too_few_to_tell_leave_the_curves_open():
    row = only(*run(replicates=3, loss_gap=0.007))
    assert pd.isna(row.losses_agree)
    assert row.reason.endswith("standard deviations between seeds apart; too few seeds to tell")


@pytest.mark.slow
def test_three_honest_seeds_are_seldom_called_apart():
    """The gap of two means of three is often more than a standard deviation; an interval knows that."""
    cases = [run(replicates=3, seed=seed, case_id=f"case {seed}") for seed in range(200)]
    trials, rounds = (pd.concat(tables, ignore_index=True) for tables in zip(*cases, strict=True))
    called = agreement(trials, rounds)["losses_agree"]
    assert len(called) == 200
    assert (called == False).sum() <= 10  # noqa: E712  (most are neither)


def test_a_case_that_nothing_was_learned_of_has_a_row_with_its_reason():
    trials, rounds = run()
    table = agreement(trials, rounds, ["case", "another"]).set_index("case_id")
    assert table.loc["another", "reason"] == "0 whole trainings of both; at least 2 are needed"
    assert table.loc["case", "accuracies_agree"]


def test_before_anything_was_learned_the_columns_are_those_of_the_two_that_are_compared():
    trials, rounds = (table.iloc[:0] for table in run())
    table = agreement(trials, rounds, ["case"], pair=("theirs", "pytorch"))
    assert table[["accuracy_theirs", "accuracy_pytorch"]].isna().all(axis=None)


def test_one_match_says_nothing():
    row = only(*run(replicates=1))
    assert row.reason == "1 whole training of both; at least 2 are needed"
    assert pd.isna(row.accuracies_agree)
    assert pd.isna(row.losses_agree)
    assert not pd.isna(row.accuracy_difference)


def test_a_match_with_a_failed_trial_does_not_count():
    trials, rounds = run(replicates=3)
    trials.loc[0, ["status", "final_accuracy"]] = ["failed", np.nan]
    assert only(trials, rounds).replicates == 2


def test_all_trials_failed_gives_a_row_with_its_reason():
    trials, rounds = run(replicates=2)
    trials["status"] = "failed"
    row = only(trials, rounds)
    assert row.replicates == 0
    assert row.reason.startswith("0 whole trainings of both")


def test_scripted_trials_without_any_spread_get_no_test():
    row = only(*run(accuracy_sd=0.0, loss_sd=0.0))
    assert pd.isna(row.p_equivalence)
    assert "cannot be judged" in row.reason


def test_cases_are_judged_apart_and_in_order():
    first, second = run(case_id="b"), run(case_id="a", accuracy_gap=0.1)
    trials, rounds = (pd.concat(both) for both in zip(first, second, strict=True))
    table = agreement(trials, rounds)
    assert list(table["case_id"]) == ["b", "a"]
    assert list(table["accuracies_agree"]) == [True, False]
