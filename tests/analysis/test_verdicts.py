"""Frames in, one verdict a case and phase out."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from harness.analysis.statistics import CAUTION, MIN_REPLICATES, Verdict, judge_family
from harness.analysis.verdicts import called, verdicts
from harness.settings.presets import FRAMEWORKS
from harness.store.schema import ROUNDS, TRIALS
from harness.work.listings import TENSORFLOW
from harness.work.records import SKIPPED, TOO_LARGE, UNABLE

ROUNDS_A_MATCH = 4
PHASES = ("train", "evaluate")
COLUMNS = [
    *(
        "case_id",
        "device",
        "mode",
        "precision",
        "dataset",
        "synthetic",
        "batch_size",
        "hidden",
        "workers",
        "epochs",
        "phase",
    ),
    *(
        "replicates",
        "speed_of",
        "speed_over",
        "speed_ratio",
        "speed_ratio_low",
        "speed_ratio_high",
        "confidence",
        "total_ratio",
        "total_ratio_low",
        "total_ratio_high",
        "total_differs",
    ),
    *("p_value", "p_adjusted", "p_equivalence", "p_equivalence_adjusted", "verdict", "reason"),
]


class Records:
    """The trials and rounds of a run whose true ratios are chosen."""

    def __init__(self) -> None:
        self._trials: list[dict[str, object]] = []
        self._rounds: list[dict[str, object]] = []
        self._rng = np.random.default_rng(0)

    def measure(self, case_id, ratio=1.0, *, sd=0.01, replicates=MIN_REPLICATES, run_id="run"):
        """Add matches in which TensorFlow is `ratio` times as fast, in both phases."""
        for replicate in range(replicates):
            for seat, framework in enumerate(FRAMEWORKS):
                trial = {
                    "run_id": run_id,
                    "match_id": f"{case_id}-r{replicate}",
                    "trial_id": f"{run_id}-{case_id}-r{replicate}-{framework}",
                    "case_id": case_id,
                    "seat": seat,
                    "contender": f"{framework}/{case_id}",
                    "framework": framework,
                    "device": "cpu",
                    "mode": "loop",
                    "precision": "fp32",
                    "dataset": "mnist",
                    "synthetic": False,
                    "batch_size": 64,
                    "hidden": "128",
                    "workers": 1,
                    "epochs": 1,
                    "replicate": replicate,
                }
                self._trials.append({**trial, "status": "ok"})
                speed = ratio if framework == TENSORFLOW else 1.0
                self._rounds.extend(
                    {
                        **trial,
                        "phase": phase,
                        "round_index": index,
                        "samples": 6000,
                        "wall_s": math.exp(self._rng.normal(0, sd)) / speed,
                    }
                    for phase in PHASES
                    for index in range(ROUNDS_A_MATCH)
                )
        return self

    def fail(self, trial_id, reason):
        """Turn a finished trial into a failed one that left its first round behind."""
        for trial in self._trials:
            if trial["trial_id"] == trial_id:
                trial.update(status="failed", failure_kind="timeout", failure_reason=reason)
        self._rounds = [row for row in self._rounds if row["trial_id"] != trial_id or row["round_index"] == 0]
        return self

    @property
    def trials(self) -> pd.DataFrame:
        return pa.Table.from_pylist(self._trials, schema=TRIALS).to_pandas()

    @property
    def rounds(self) -> pd.DataFrame:
        return pa.Table.from_pylist(self._rounds, schema=ROUNDS).to_pandas()


def certificates(**holds):
    """Certificates by case, the failed ones at the check called `order`."""
    return pd.DataFrame(
        [
            {
                "case_id": case_id,
                "certificate_id": f"certificate-of-{case_id}",
                "holds": held,
                "failed_check": None if held else "order",
                "reason": None if held else "batches differ from step 3 on",
            }
            for case_id, held in holds.items()
        ],
        columns=["case_id", "certificate_id", "holds", "failed_check", "reason"],
    )


def of(frame, case_id, phase="train"):
    (row,) = frame[(frame["case_id"] == case_id) & (frame["phase"] == phase)].to_dict("records")
    return row


def test_each_case_gets_a_verdict_for_training_and_one_for_evaluation_in_the_order_of_the_trials():
    run = Records().measure("b").measure("a")
    frame = verdicts(run.trials, run.rounds)
    assert list(frame.columns) == COLUMNS
    assert list(zip(frame["case_id"], frame["phase"], strict=True)) == [
        ("b", "train"),
        ("b", "evaluate"),
        ("a", "train"),
        ("a", "evaluate"),
    ]


def test_the_faster_side_is_named_and_equal_sides_are_equivalent():
    run = Records().measure("ahead", 1.2).measure("behind", 1 / 1.2).measure("level", 1.0)
    frame = verdicts(run.trials, run.rounds)
    assert of(frame, "ahead")["verdict"] == "tensorflow faster"
    assert of(frame, "behind")["verdict"] == "pytorch faster"
    assert of(frame, "level")["verdict"] == Verdict.EQUIVALENT
    for case_id, ratio in (("ahead", 1.2), ("behind", 1 / 1.2), ("level", 1.0)):
        row = of(frame, case_id)
        assert row["speed_ratio_low"] < row["speed_ratio"] < row["speed_ratio_high"]
        assert row["speed_ratio"] == pytest.approx(ratio, rel=0.02)


def test_swapping_the_frameworks_names_inverts_every_ratio():
    run = Records().measure("a", 1.1).measure("b", 0.95)
    there = verdicts(run.trials, run.rounds)
    swap = dict(zip(FRAMEWORKS, reversed(FRAMEWORKS), strict=True))
    back = verdicts(
        run.trials.assign(framework=run.trials["framework"].map(swap), seat=1 - run.trials["seat"]),
        run.rounds.assign(framework=run.rounds["framework"].map(swap)),
    )
    assert back["speed_ratio"].to_numpy() == pytest.approx(1 / there["speed_ratio"].to_numpy())
    assert back["p_adjusted"].to_numpy() == pytest.approx(there["p_adjusted"].to_numpy())


def test_the_order_of_rows_changes_nothing_but_the_order_of_cases():
    run = Records().measure("a", 1.1).measure("b", 0.95)
    shuffled = verdicts(run.trials.sample(frac=1, random_state=1), run.rounds.sample(frac=1, random_state=2))
    by_case = [
        frame.sort_values(["case_id", "phase"], ignore_index=True)
        for frame in (verdicts(run.trials, run.rounds), shuffled)
    ]
    pd.testing.assert_frame_equal(*by_case)


def test_sides_whose_rounds_differ_in_samples_are_compared_by_throughput():
    run = Records().measure("a", 1.0)
    rounds = run.rounds
    tensorflow = rounds["framework"] == TENSORFLOW
    rounds.loc[tensorflow, "samples"] *= 2
    rounds.loc[tensorflow, "wall_s"] *= 2
    untouched = verdicts(run.trials, run.rounds)["speed_ratio"].to_numpy()
    assert verdicts(run.trials, rounds)["speed_ratio"].to_numpy() == pytest.approx(untouched)


def test_a_match_with_a_failed_trial_does_not_count_and_the_reason_says_why():
    run = Records().measure("a", 1.2, replicates=MIN_REPLICATES)
    run.fail("run-a-r1-pytorch", "no answer in 30 s")
    row = of(verdicts(run.trials, run.rounds), "a")
    assert row["replicates"] == MIN_REPLICATES - 1
    assert row["verdict"] == Verdict.INCONCLUSIVE
    assert f"at least {MIN_REPLICATES} are needed" in row["reason"]
    assert f"1 of {MIN_REPLICATES} matches failed" in row["reason"]
    assert "no answer in 30 s" in row["reason"]


def test_a_case_in_which_nothing_finished_is_inconclusive_and_has_no_ratio():
    run = Records().measure("a", replicates=1).fail("run-a-r0-pytorch", "out of memory")
    row = of(verdicts(run.trials, run.rounds), "a")
    assert (row["replicates"], row["verdict"]) == (0, Verdict.INCONCLUSIVE)
    assert math.isnan(row["speed_ratio"])
    assert "out of memory" in row["reason"]


def test_a_side_that_is_missing_altogether_is_no_match():
    run = Records().measure("a")
    alone = run.trials[run.trials["framework"] == TENSORFLOW]
    assert of(verdicts(alone, run.rounds), "a")["replicates"] == 0


def test_rounds_that_only_one_side_ran_are_left_out():
    run = Records().measure("a", 1.1)
    rounds = run.rounds
    extra = rounds[(rounds["framework"] == TENSORFLOW) & (rounds["round_index"] == 0)].assign(
        round_index=99, wall_s=1e6
    )
    pd.testing.assert_frame_equal(
        verdicts(run.trials, pd.concat([rounds, extra])), verdicts(run.trials, rounds)
    )


def test_matches_of_different_runs_with_the_same_name_are_different_replicates():
    run = Records().measure("a", replicates=3, run_id="monday").measure("a", replicates=3, run_id="tuesday")
    assert of(verdicts(run.trials, run.rounds), "a")["replicates"] == 6


@pytest.mark.parametrize("broken_s", [math.nan, math.inf, 0.0])
def test_a_round_without_a_time_makes_its_case_inconclusive(broken_s):
    run = Records().measure("a", 1.5).measure("b", 1.5)
    rounds = run.rounds
    first = rounds.index[(rounds["case_id"] == "a") & (rounds["phase"] == "train")][0]
    rounds.loc[first, "wall_s"] = broken_s
    frame = verdicts(run.trials, rounds)
    assert of(frame, "a")["verdict"] == Verdict.INCONCLUSIVE
    assert f"1 of {MIN_REPLICATES} replicates hold a round" in of(frame, "a")["reason"]
    assert of(frame, "b")["verdict"] == "tensorflow faster"


def test_training_and_evaluation_are_two_families():
    run = Records()
    for number in range(4):
        run.measure(f"case{number}", 1 + number / 100)
    frame = verdicts(run.trials, run.rounds)
    for phase in PHASES:
        raw = frame.loc[frame["phase"] == phase, "p_value"].to_numpy()
        adjusted = frame.loc[frame["phase"] == phase, "p_adjusted"].to_numpy()
        assert adjusted.min() == pytest.approx(4 * CAUTION * raw.min())
        assert adjusted[raw.argmax()] == max(raw.max(), adjusted.max())


def test_a_certificate_that_fails_or_is_missing_leaves_the_ratio_but_no_verdict():
    run = Records().measure("good", 1.2).measure("bad", 1.2).measure("unchecked", 1.2)
    frame = verdicts(run.trials, run.rounds, certificates(good=True, bad=False))
    assert of(frame, "good")["verdict"] == "tensorflow faster"
    assert of(frame, "bad")["reason"] == "certificate failed at order: batches differ from step 3 on"
    assert of(frame, "unchecked")["reason"].startswith("no certificate")
    for case_id in ("bad", "unchecked"):
        row = of(frame, case_id)
        assert pd.isna(row["verdict"])
        assert math.isnan(row["p_value"])
        assert row["speed_ratio"] == pytest.approx(1.2, rel=0.02)


@pytest.mark.parametrize("kind", [SKIPPED, TOO_LARGE, UNABLE])
def test_a_case_of_which_nothing_was_begun_was_not_measured_for_its_own_reason_and_not_unproven(kind):
    run = Records().measure("good", 1.2).measure("never", replicates=1)
    never = run.trials["case_id"].eq("never")
    left = {"status": "failed", "failure_kind": kind, "failure_reason": "too little was left"}
    trials = run.trials.assign(**{name: run.trials[name].mask(never, said) for name, said in left.items()})
    rounds = run.rounds[run.rounds["case_id"] != "never"]
    frame = verdicts(trials, rounds, certificates(good=True))
    assert of(frame, "never")["reason"] == "not measured: too little was left"
    assert pd.isna(of(frame, "never")["verdict"])
    assert of(frame, "good")["verdict"] == "tensorflow faster"


def test_a_case_that_was_begun_and_then_skipped_is_told_by_what_was_measured():
    run = Records().measure("a", 1.2)
    last = run.trials["match_id"].eq(run.trials["match_id"].iloc[-1])
    left = {"status": "failed", "failure_kind": SKIPPED, "failure_reason": "one was set aside"}
    trials = run.trials.assign(**{name: run.trials[name].mask(last, said) for name, said in left.items()})
    row = of(verdicts(trials, run.rounds, certificates(a=True)), "a")
    assert row["verdict"] == Verdict.INCONCLUSIVE
    assert row["reason"].endswith(f"1 of {MIN_REPLICATES} matches failed, first with: one was set aside")


def test_the_articles_listings_are_refused_a_verdict_for_what_they_are():
    run = Records().measure("listings", 2.0)
    frame = verdicts(run.trials.assign(mode="article"), run.rounds, certificates())
    assert pd.isna(of(frame, "listings")["verdict"])
    assert "different work, as printed" in of(frame, "listings")["reason"]
    assert of(frame, "listings")["speed_ratio"] == pytest.approx(2.0, rel=0.05)


def test_a_case_without_a_certificate_makes_no_other_verdict_harder():
    run = Records().measure("good", 1.02).measure("bad", 1.0)
    frame = verdicts(run.trials, run.rounds, certificates(good=True, bad=False))
    assert of(frame, "good")["p_adjusted"] == pytest.approx(CAUTION * of(frame, "good")["p_value"])


def test_one_failed_certificate_among_several_of_a_case_is_enough():
    run = Records().measure("a", 1.2)
    both = pd.concat([certificates(a=True), certificates(a=False)])
    assert pd.isna(of(verdicts(run.trials, run.rounds, both), "a")["verdict"])


def test_margin_and_confidence_reach_the_judgement():
    run = Records().measure("a", 1.1, sd=0.02)
    usual = of(verdicts(run.trials, run.rounds), "a")
    wide = of(verdicts(run.trials, run.rounds, margin=0.3, confidence=0.99), "a")
    assert (usual["verdict"], wide["verdict"]) == ("tensorflow faster", Verdict.EQUIVALENT)
    assert (usual["confidence"], wide["confidence"]) == (0.95, 0.99)
    assert wide["speed_ratio_low"] < usual["speed_ratio_low"]


def test_a_frame_without_trials_gives_a_frame_without_verdicts_and_the_same_types():
    run = Records().measure("a")
    some, none = verdicts(run.trials, run.rounds), verdicts(run.trials.iloc[:0], run.rounds.iloc[:0])
    assert none.empty
    assert none.dtypes.to_dict() == some.dtypes.to_dict()


def test_the_frame_says_what_the_statistics_say():
    run = Records().measure("a", 1.05).measure("b", 0.99)
    frame = verdicts(run.trials, run.rounds)
    train = run.rounds[run.rounds["phase"] == "train"]
    wall_s = train.pivot_table(
        index=["case_id", "match_id", "round_index"], columns="framework", values="wall_s"
    )
    log_ratios = np.log(wall_s["pytorch"] / wall_s["tensorflow"]).groupby(["case_id", "match_id"]).median()
    expected = judge_family([log_ratios.loc["a"].to_numpy(), log_ratios.loc["b"].to_numpy()])
    for case_id, judgement in zip("ab", expected, strict=True):
        row = of(frame, case_id)
        assert row["speed_ratio_low"] == pytest.approx(judgement.interval.low)
        assert row["p_adjusted"] == pytest.approx(judgement.p_difference_adjusted)
        assert row["verdict"] == called(judgement.verdict, FRAMEWORKS)


def test_what_strikes_one_round_in_four_shows_in_the_ratio_of_totals_alone():
    records = Records().measure("case", sd=0.001)
    rounds = records.rounds
    struck = rounds["framework"].eq(TENSORFLOW) & rounds["round_index"].eq(2)
    rounds.loc[struck, "wall_s"] *= 2
    for plain, slow in zip(
        verdicts(records.trials, records.rounds).to_dict("records"),
        verdicts(records.trials, rounds).to_dict("records"),
        strict=True,
    ):
        assert slow["speed_ratio"] == pytest.approx(plain["speed_ratio"], abs=0.002)
        assert not plain["total_differs"]
        assert plain["total_ratio"] == pytest.approx(1, abs=0.002)
        assert slow["total_differs"]
        assert slow["total_ratio"] == pytest.approx(4 / 5, abs=0.002)
        assert slow["total_ratio_low"] < slow["total_ratio"] < slow["total_ratio_high"]


def test_what_hosts_differ_by_is_in_the_interval_of_their_kind_and_not_in_that_of_these_hosts():
    run = Records().measure("a", 1.2, run_id="one").measure("a", 1.5, run_id="two")
    hosts = {"one": "near", "two": "far"}
    mixed, told = verdicts(run.trials, run.rounds), verdicts(run.trials, run.rounds, hosts=hosts)
    row, before = of(told, "a"), of(mixed, "a")
    assert row["replicates"] == before["replicates"] == 2 * MIN_REPLICATES
    assert row["hosts"] == 2
    assert row["speed_ratio"] == pytest.approx(math.sqrt(1.2 * 1.5), rel=0.01)
    assert row["speed_ratio_low"] < 1 < row["speed_ratio_high"]
    assert row["verdict"] == Verdict.INCONCLUSIVE
    assert 1.3 < row["here_low"] < row["speed_ratio"] < row["here_high"] < 1.4
    assert row["host_sd"] == pytest.approx(math.log(1.5 / 1.2) / math.sqrt(2), rel=0.1)
    assert row["total_ratio_low"] < 1 < row["total_ratio_high"]


def test_several_runs_of_one_host_are_judged_as_one_run_is():
    run = Records().measure("a", 1.2, run_id="one").measure("a", 1.2, run_id="two")
    told = verdicts(run.trials, run.rounds, hosts={"one": "same", "two": "same"})
    mixed = verdicts(run.trials, run.rounds)
    pd.testing.assert_frame_equal(told[mixed.columns], mixed)
    assert set(told["hosts"]) == {1}
    assert told[["here_low", "here_high", "host_sd", "replicate_sd"]].isna().all(axis=None)
