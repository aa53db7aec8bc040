"""A pilot chooses each framework's fastest way, and what it measured judges nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from harness.analysis.certified import certified
from harness.analysis.statistics import MIN_REPLICATES
from harness.analysis.ways import Question, answers
from harness.engine import choosing, runner
from harness.engine.stopping import EXTRA, Target
from harness.settings import config
from harness.settings.grid import plan
from harness.settings.lineup import pilot
from harness.store.reader import read
from harness.store.writer import Store
from harness.work.records import Certification, Failure, Role
from tests.engine.test_runner import run
from tests.report.conftest import RUN
from tests.report.conftest import trial as made

__all__ = ["run"]


def measured(tmp_path, seconds, failed=()):
    """A pilot in which each way took so many seconds a sample, 1 unless it is told; the failed ones none."""
    best = plan(config.resolve({"mode": "best", "batch_size": "64"}, {}, tmp_path))
    match = pilot(best.ways(best.cases[0]), 2)
    return match, [
        trial_of(match, seat, seconds.get(name(one), 1.0), broken=name(one) in failed)
        for seat, one in enumerate(match.contenders)
    ]


def name(one):
    return f"{one.framework} {one.case.way.id}"


def trial_of(match, seat, factor, *, broken):
    one = match.contenders[seat]
    told = made(
        run_id="r",
        case=one.case,
        framework=one.framework,
        replicate=0,
        factor=factor,
        broken=Failure(kind="timeout", reason="it was slow") if broken else None,
        gpu_peak_bytes=None,
        speeds=np.random.default_rng(seat),
        seeds=np.random.default_rng(seat),
    )
    return replace(told, role=Role.PILOT, seat=seat, match_id="r-pilot")


def chosen(tmp_path, seconds, failed=()):
    found = choosing.chosen(*measured(tmp_path, seconds, failed))
    return {
        part: [name(one) for one in getattr(found, part)] for part in ("usual", "chosen", "others", "slow")
    }


def test_the_fastest_way_of_each_framework_is_chosen_and_slow_ones_are_told_apart(tmp_path):
    took = {"tensorflow graph": 0.5, "pytorch loop-fused": 0.7, "tensorflow compiled": 4.0}
    assert chosen(tmp_path, took) == {
        "usual": ["tensorflow loop", "pytorch loop"],
        "chosen": ["tensorflow graph", "pytorch loop-fused"],
        "others": ["pytorch loop-foreach", "pytorch compiled"],
        "slow": ["tensorflow compiled"],
    }


def test_a_loop_that_nothing_beats_is_its_frameworks_best(tmp_path):
    took = {"tensorflow graph": 1.4, "tensorflow compiled": 1.5, "pytorch loop": 0.5}
    assert chosen(tmp_path, took)["chosen"] == ["tensorflow loop", "pytorch loop"]


def test_a_way_that_did_not_finish_in_the_pilot_is_not_chosen_and_sits_nowhere(tmp_path):
    found = chosen(tmp_path, {"tensorflow graph": 0.1}, failed=["tensorflow graph"])
    assert found["chosen"][0] != "tensorflow graph"
    assert "tensorflow graph" not in {one for part in found.values() for one in part}


def test_a_framework_whose_loop_did_not_finish_is_left_with_its_loop(tmp_path):
    found = chosen(tmp_path, {"tensorflow graph": 0.1}, failed=["tensorflow loop"])
    assert found["chosen"][0] == "tensorflow loop"
    assert not [one for part in ("others", "slow") for one in found[part] if one.startswith("tensorflow")]


@pytest.mark.slow
def test_all_ways_meet_after_a_pilot_whose_trials_are_kept_apart(run, tmp_path):
    outcome, _ = run(WAY_S, mode="best", epochs="4", replicates="2", round_s="0.01")
    assert outcome.trials_failed == 0
    assert outcome.stopped_because.startswith("every case has its 2 replicates")
    frames = kept(tmp_path / "results")
    # Pilot 7, matches of 7 and 4.
    assert len(frames.of_all_ways) == 7 + 4
    best = frames.ways[frames.ways["chosen"]]
    assert set(best["contender"].str.split("/").str[0]) == {"tensorflow", "pytorch"}
    assert set(zip(best["framework"], best["mode"], best["update"], strict=True)) == {
        ("tensorflow", "graph", "stock"),
        ("pytorch", "loop", "fused"),
    }
    # What stands for the frameworks elsewhere are their loops.
    assert set(frames.trials["mode"]) == {"loop"}
    assert set(frames.trials["update"]) == {"stock"}
    assert len(frames.trials) == 4
    # Nothing but training is asked of other ways.
    assert set(frames.way_rounds["phase"]) == {"train"}
    assert set(frames.rounds["phase"]) == {"train", "evaluate"}
    asked = answers(frames.of_all_ways, frames.rounds_of_all_ways, held(frames))
    ratio = {
        (row.question, row.way_of, row.way_over): row.speed_ratio
        for row in asked[asked["phase"] == "train"].itertuples()
    }
    assert ratio[Question.SAME, "loop", "loop"] == pytest.approx(2, rel=0.25)
    assert ratio[Question.BEST, "graph", "loop-fused"] == pytest.approx(2, rel=0.25)
    assert ratio[Question.LADDER, "graph", "loop"] == pytest.approx(2, rel=0.25)
    assert ratio[Question.LADDER, "loop-fused", "loop"] == pytest.approx(2, rel=0.25)
    assert ratio[Question.LADDER, "loop-foreach", "loop"] == pytest.approx(8 / 7, rel=0.25)


@pytest.mark.slow
def test_a_match_without_the_other_ways_is_no_first_of_its_case_when_the_time_is_up(run, tmp_path):
    run(mode="best", epochs="1", replicates="8", round_s="0.01", budget_s="1")
    assert set(kept(tmp_path / "results").ways["replicate"]) == {0}


known = Target.reached

WAY_S = {
    "tensorflow": {"train_s": 0.012, "way_s": {"graph": 0.006, "compiled": 0.036}},
    "pytorch": {"train_s": 0.024, "way_s": {"loop-fused": 0.012, "loop-foreach": 0.021, "compiled": 0.018}},
}


def proving(asked, failing=()):
    """Certificates that hold but for those of the failing ways; who is to be proven is noted."""

    def prove(contenders):
        asked.append([name(one) for one in contenders])
        return {
            (one.case.id, one.framework): Certification(id="c", holds=name(one) not in failing)
            for one in contenders
        }

    return prove


@pytest.mark.slow
def test_all_ways_meet_in_the_time_that_is_left_when_what_was_asked_is_known(run, tmp_path):
    asked = []
    outcome, compared = run(
        WAY_S,
        prove=proving(asked, failing=["pytorch compiled"]),
        replicates="50",
        within="50%",
        round_s="0.01",
    )
    (rivals,) = asked
    assert sorted(rivals) == [
        "pytorch compiled", "pytorch loop-foreach", "pytorch loop-fused", "tensorflow compiled",
        "tensorflow graph",
    ]  # fmt: skip
    assert outcome.stopped_because == "every case is known within 50 %"
    assert len(compared) == 2 * (MIN_REPLICATES + EXTRA)
    frames = kept(tmp_path / "results")
    met = frames.of_all_ways[frames.of_all_ways["role"] == Role.WAYS]
    assert met["match_id"].nunique() == MIN_REPLICATES + EXTRA
    best = met[met["chosen"].fillna(value=False).astype(bool)]
    assert set(zip(best["framework"], best["mode"], best["update"], strict=True)) == {
        ("tensorflow", "graph", "stock"),
        ("pytorch", "loop", "fused"),
    }
    # The one whose certificate failed sat nowhere.
    assert not (met["framework"].eq("pytorch") & met["mode"].eq("compiled")).any()
    told = answers(frames.of_all_ways, frames.rounds_of_all_ways, held(frames))
    told = told[told["phase"] == "train"].set_index("question")
    assert told.loc[Question.SAME, "replicates"] == 2 * (MIN_REPLICATES + EXTRA)
    assert told.loc[Question.BEST, "replicates"] == MIN_REPLICATES + EXTRA
    assert told.loc[Question.BEST, "speed_ratio"] == pytest.approx(2, rel=0.25)


@pytest.mark.slow
def test_a_run_whose_time_ends_among_the_ways_has_what_it_was_asked_and_says_what_is_open(run, monkeypatch):
    monkeypatch.setattr(Target, "reached", lambda target, name: "at best" not in name and known(target, name))
    monkeypatch.setattr(runner, "_SEATS_A_PROOF", 0)
    outcome, _ = run(prove=proving([]), replicates="7", within="50%", round_s="0.01")
    assert outcome.stopped_because == "every case is known within 50 %; how fast each is at its best is not"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "because"),
    [
        # A look needs five replicates; ways beside them would never be judged.
        ({"replicates": "2"}, "every case has its 2 replicates"),
        ({"replicates": "50", "within": "50%", "mode": "eager"}, "every case is known within 50 %"),
    ],
)
def test_nobody_is_proven_for_an_answer_that_cannot_be_had(run, given, because):
    asked = []
    outcome, _ = run(prove=proving(asked), **given)
    assert asked == []
    assert outcome.stopped_because.startswith(because)


@pytest.mark.slow
def test_a_run_says_that_too_little_time_was_left_for_each_at_its_best(run, monkeypatch):
    monkeypatch.setattr(runner, "_SEATS_A_PROOF", 10_000)
    asked = []
    outcome, _ = run(prove=proving(asked), replicates="50", within="50%")
    assert asked == []
    assert outcome.stopped_because == (
        "every case is known within 50 %; "
        "too little of the budget was left to ask how fast each is at its best"
    )


def kept(results):
    """The frames of the run that `run` measured, which stores its trials alone."""
    Store(results).save_run(RUN | {"run_id": "run", "certificate_ids": []})
    return read(results, ["run"])


def held(frames):
    """A certificate that holds for every case."""
    empty = certified(frames.certificates)
    rows = [{"case_id": case_id, "holds": True} for case_id in frames.of_all_ways["case_id"].unique()]
    return pd.DataFrame(rows, columns=empty.columns).astype({"holds": bool})
