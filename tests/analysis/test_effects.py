"""Tables become one log speed a contender, match and phase, whose differences close."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest

from harness.analysis.effects import effects, ratios
from harness.analysis.match import typical_effects

SPEEDS = (1.0, 1.5, 3.0, 0.5)
TURNS = 9


def tables(*, matches=3, contenders=4, noise=0.05):
    """Trials and rounds of matches of contenders whose `SPEEDS` are known."""
    rng = np.random.default_rng(0)
    trials, rounds = [], []
    for match in range(matches):
        for seat in range(contenders):
            identity = {
                "case_id": "case", "run_id": "run", "match_id": f"m{match}", "trial_id": f"m{match}-{seat}",
                "seat": seat, "contender": f"way{seat}", "framework": f"f{seat % 2}",
            }  # fmt: skip
            trials.append({**identity, "status": "ok"})
            rounds += [
                {
                    **identity, "phase": phase, "round_index": turn, "samples": 100 * (seat + 1),
                    "wall_s": 100 * (seat + 1) / SPEEDS[seat] * rng.lognormal(0, noise), "warm_up": turn == 0,
                }
                for phase in ("train", "evaluate")
                for turn in range(TURNS)
            ]  # fmt: skip
    return pd.DataFrame(trials), pd.DataFrame(rounds)


def test_each_contender_has_one_log_speed_a_match_and_phase():
    found = effects(*tables())
    assert found.groupby(["match_id", "phase"]).size().eq(4).all()
    assert found.groupby(["match_id", "phase"])["log_speed"].sum().to_numpy() == pytest.approx(0)


def test_a_log_speed_is_that_of_seconds_a_sample_after_the_warm_up():
    trials, rounds = tables(matches=1)
    settled = rounds[(rounds["phase"] == "train") & ~rounds["warm_up"]]
    sample_s = settled.assign(sample_s=settled["wall_s"] / settled["samples"]).pivot_table(
        index="round_index", columns="seat", values="sample_s"
    )
    found = effects(trials, rounds).query("phase == 'train'").sort_values("seat")["log_speed"]
    assert found.to_numpy() == pytest.approx(typical_effects(sample_s.to_numpy()))


def test_ratios_find_the_true_ones_and_close_around_every_triangle():
    found = effects(*tables())
    log_ratio = {
        (of, over): ratios(found, "contender", of, over)["log_ratio"].to_numpy()
        for of, over in permutations(found["contender"].unique(), 2)
    }
    assert log_ratio["way2", "way3"] == pytest.approx(np.log(6), abs=0.1)
    for a, b, c in permutations(found["contender"].unique(), 3):
        around = log_ratio[a, b] + log_ratio[b, c] + log_ratio[c, a]
        assert np.exp(around) == pytest.approx(1, abs=1e-9)


def test_the_order_of_rows_does_not_matter():
    trials, rounds = tables()
    shuffled = effects(trials, rounds.sample(frac=1, random_state=0, ignore_index=True))
    key = ["match_id", "phase", "seat"]
    pd.testing.assert_frame_equal(
        shuffled.sort_values(key, ignore_index=True),
        effects(trials, rounds).sort_values(key, ignore_index=True),
    )


def test_one_that_failed_is_left_out_and_the_others_are_told():
    trials, rounds = tables()
    trials.loc[trials["trial_id"] == "m1-3", "status"] = "failed"
    found = effects(trials, rounds)
    assert set(found.loc[found["match_id"] == "m1", "seat"]) == {0, 1, 2}
    assert len(ratios(found, "seat", 0, 3).query("phase == 'train'")) == 2


def test_a_match_of_which_one_is_left_says_nothing():
    trials, rounds = tables(matches=2, contenders=2)
    trials.loc[trials["trial_id"] == "m0-1", "status"] = "failed"
    assert set(effects(trials, rounds)["match_id"]) == {"m1"}


def test_without_any_round_there_is_nothing_and_the_columns_are_there():
    trials, rounds = tables()
    found = effects(trials, rounds.iloc[:0])
    assert found.empty
    assert ratios(found, "seat", 0, 1).empty


def test_a_round_without_a_time_is_told_and_not_dropped():
    trials, rounds = tables(matches=1)
    rounds.loc[(rounds["trial_id"] == "m0-0") & (rounds["round_index"] == 3), "wall_s"] = np.nan
    found = effects(trials, rounds)
    assert found.loc[found["seat"] == 0, "log_speed"].isna().all()
    assert found.loc[found["seat"] != 0, "log_speed"].notna().all()


def test_a_contender_that_sits_twice_is_told_by_its_seat_alone():
    trials, rounds = tables()
    trials["contender"] = trials["contender"].replace("way3", "way2")
    found = effects(trials, rounds)
    assert ratios(found, "seat", 2, 3)["log_ratio"].to_numpy() == pytest.approx(np.log(6), abs=0.1)
    for column, twice in (("contender", "way2"), ("framework", "f0")):
        with pytest.raises(ValueError, match=f"{twice} is not one contender of each match"):
            ratios(found, column, twice, "way0")


def test_ratios_over_all_turns_close_as_the_typical_ones_do():
    found = effects(*tables())
    log_ratio = {
        (of, over): ratios(found, "contender", of, over)["log_total_ratio"].to_numpy()
        for of, over in permutations(found["contender"].unique(), 2)
    }
    for a, b, c in permutations(found["contender"].unique(), 3):
        assert log_ratio[a, b] + log_ratio[b, c] + log_ratio[c, a] == pytest.approx(0, abs=1e-9)
