"""What several workers make of a speed is told by the turns that they took with one."""

from __future__ import annotations

import pandas as pd
import pytest

from harness.analysis.scaling import scaling

ROUNDS = 4


def measured(speeds, *, replicates=6, drift=0.3, **columns):
    """Trials and rounds of matches: `speeds` in samples a second by framework and workers.

    Each replicate is as much slower than the one before, for all alike.
    """
    trials, rounds = [], []
    for replicate in range(replicates):
        for seat, ((framework, workers), speed) in enumerate(speeds.items()):
            trial_id, now = f"r{replicate}-{seat}", speed * (1 - drift) ** replicate
            case_id = "mnist-cpu-loop-fp32-b64-e1" + (f"-w{workers}" if workers > 1 else "")
            trials.append(
                {
                    "run_id": "run", "match_id": f"m{replicate}", "trial_id": trial_id, "seat": seat,
                    "contender": f"{framework}/{case_id}", "framework": framework, "case_id": case_id,
                    "device": "cpu", "mode": "loop", "update": "stock", "precision": "fp32",
                    "dataset": "mnist", "train_samples": 60_000, "batch_size": 64, "hidden": "128",
                    "workers": workers, "epochs": 1, "status": "ok", "certified": True,
                    "train_samples_per_s": now,
                }
            )  # fmt: skip
            rounds += [
                {
                    "trial_id": trial_id, "phase": "train", "round_index": turn, "warm_up": False,
                    "wall_s": 640 / (now * (1 + 0.01 * turn)), "samples": 640,
                }
                for turn in range(ROUNDS)
            ]  # fmt: skip
    return pd.DataFrame(trials).assign(**columns), pd.DataFrame(rounds)


def test_efficiency_is_the_speed_up_over_how_many_more_there_are_whatever_the_machine_did_meanwhile():
    told = scaling(
        *measured({("pytorch", 1): 1000.0, ("pytorch", 2): 1600.0, ("pytorch", 4): 2000.0})
    ).to_dict("records")
    assert [(one["workers"], one["over_workers"], one["replicates"]) for one in told] == [
        (2, 1, 6), (4, 1, 6),
    ]  # fmt: skip
    assert [one["speed_up"] for one in told] == pytest.approx([1.6, 2.0])
    assert [one["efficiency"] for one in told] == pytest.approx([0.8, 0.5])


def test_what_is_beyond_its_share_of_a_step_is_what_one_dealt_out_would_not_have_taken():
    (told,) = scaling(*measured({("pytorch", 1): 1000.0, ("pytorch", 2): 1600.0}, drift=0.0)).to_dict(
        "records"
    )
    assert told["step_s"] == pytest.approx(0.04)
    assert told["beyond_share_s"] == pytest.approx(0.04 - 0.064 / 2)


def test_each_framework_is_held_against_itself_and_the_fewest_workers_need_not_be_one():
    speeds = {
        ("tensorflow", 2): 500.0,
        ("tensorflow", 4): 400.0,
        ("pytorch", 2): 100.0,
        ("pytorch", 4): 200.0,
    }
    told = scaling(*measured(speeds)).to_dict("records")
    assert [(one["framework"], one["workers"], one["over_workers"]) for one in told] == [
        ("tensorflow", 4, 2), ("pytorch", 4, 2),
    ]  # fmt: skip
    assert [one["efficiency"] for one in told] == pytest.approx([0.4, 1.0])


def test_an_interval_holds_what_replicates_differ_by_and_one_alone_has_none():
    trials, rounds = measured({("pytorch", 1): 1000.0, ("pytorch", 2): 1600.0})
    slower = rounds["trial_id"].isin(["r0-1", "r3-1"])
    (told,) = scaling(trials, rounds.assign(wall_s=rounds["wall_s"] * (1 + 0.1 * slower))).to_dict("records")
    assert told["efficiency_low"] < told["efficiency"] < told["efficiency_high"] < 0.85
    (told,) = scaling(*measured({("pytorch", 1): 1000.0, ("pytorch", 2): 1600.0}, replicates=1)).to_dict(
        "records"
    )
    assert pd.isna(told["efficiency_low"])


def test_without_matches_or_certificates_there_is_nothing_to_tell():
    assert scaling(pd.DataFrame(), pd.DataFrame()).empty
    assert scaling(*measured({("pytorch", 1): 1.0, ("pytorch", 2): 2.0}, certified=False)).empty
