"""What this machine can tell apart, in words that say neither more nor less than was found."""

from __future__ import annotations

import re
from dataclasses import replace

import pandas as pd
import pytest

from harness.analysis.calibration import calibration
from harness.analysis.usual import IN_TURNS
from harness.report.pages.sections import telling as section
from harness.report.sentences.answer import judge
from harness.report.sentences.telling import (
    calibrated,
    calibration_in_brief,
    calibration_told,
    control_told,
    residents_told,
    told_apart,
)
from tests.analysis.test_calibration import attempts


@pytest.fixture
def told(frames):
    """The sentence about a control whose true ratio is chosen."""

    def say(**kind):
        return control_told(frames(batch_sizes=(64,), **kind))

    return say


def test_a_control_that_finds_nothing_says_so(told):
    sentence = told(control_ratio=1.0)
    assert sentence.startswith(
        "Control: one framework against itself, 6 replicates, ratio 0.99 (0.99 to 1.00)"
    )
    assert sentence.endswith("called equivalent, as it should be.")


def test_a_control_that_calls_a_difference_is_a_warning(told):
    assert "yet it was called different: trust no small difference of this run" in told(control_ratio=1.2)


def test_a_control_with_few_replicates_says_that_they_are_few(told):
    assert "2 replicates; at least 6 are needed" in told(control_ratio=1.0, replicates=2)


def test_a_run_without_a_control_says_so(frames):
    made = frames(batch_sizes=(64,), replicates=1)
    bare = replace(made, controls=made.controls.iloc[:0], control_rounds=made.control_rounds.iloc[:0])
    assert control_told(bare).startswith("No control was measured")


def test_a_machine_that_was_not_calibrated_is_told_how(frames):
    (sentence,) = calibration_told(frames(batch_sizes=(64,), replicates=1))
    assert "make calibrate" in sentence


def test_false_alarms_stand_beside_those_of_the_usual_ways():
    tried = pd.concat(
        [
            attempts(["first faster", *["inconclusive"] * 19]),
            attempts(["first faster", "second faster", *["no difference"] * 18], way="welch"),
            attempts(["first faster"] * 12 + ["no difference"] * 8, way="minimum"),
        ]
    )
    own, usual, *_ = told_apart(tried)
    assert (
        "of 20 comparisons of a framework with itself, 20 s in 6 matches each, 1 was called different" in own
    )
    assert "(5 %; 0 % to 25 %)" in own
    assert usual.endswith("different: 2 by Welch's t-test on rounds and 12 by the smaller minimum.")


def test_what_was_planted_is_told_with_what_was_found():
    tried = attempts(["first faster"] * 9 + ["second faster"], share=0.05, try_s=60.0)
    (sentence, _) = told_apart(tried)
    assert "A planted slow-down of 5 % was found in 9 of 10 tries of 60 s in 6 matches" in sentence
    assert sentence.endswith("with the wrong sign in 1.")


def test_what_can_be_found_is_told_for_each_time_that_somebody_waits():
    (_, sentence) = told_apart(attempts(["first faster"] * 10, share=0.05, ratio=1.06, try_s=20.0))
    assert sentence.startswith("As far as 10 tries tell, matches of one case show a difference 90 % of the")
    # Six replicates take 40 s: 9, 45 and 90 of them err by the root of six, less and less.
    shares = [float(one) for one in re.findall(r"one of ([0-9.]+) %", sentence)]
    assert len(shares) == 3
    assert shares[0] > 2 * shares[1] > 2.5 * shares[2]


def test_what_one_try_shows_says_that_it_is_one():
    (_, sentence) = told_apart(attempts(["first faster"], share=0.05, ratio=1.06, try_s=20.0))
    assert sentence.startswith("As far as 1 try tells, matches")


def test_too_few_replicates_for_a_verdict_find_nothing():
    (_, sentence) = told_apart(attempts(["first faster"] * 10, share=0.05, ratio=1.06, try_s=200.0))
    assert "in 1 minute none, as it holds too few replicates, in 5 minutes none" in sentence
    assert "and in 10 minutes one of" in sentence


def test_several_cases_are_told_by_name():
    tried = [
        attempts(["inconclusive"] * 6, share=share, case_id=f"mnist-cpu-loop-fp32-{batch}-e1000000-h32")
        for share in (0.0, 0.05)
        for batch in ("b64", "b512")
    ]
    said = list(told_apart(pd.concat(tried)))
    assert said[0].startswith("Calibration at batch 64: of 6 comparisons")
    assert said[1].startswith("A planted slow-down of 5 % at batch 64 was found in 0 of 6")
    assert said[2].startswith("As far as 12 tries tell, matches at batch 64 show")
    *others, together = said[3:]
    assert [one.replace("batch 512", "batch 64") for one in others] == said[:3]
    assert together == (
        "Several cases of equals were judged together, as a run's are, in 6 tries of 20 s in 6 matches: in 0 "
        "of them one or more were called different (0 %; 0 % to 46 %)."
    )


def test_in_brief_each_case_has_its_false_alarms_and_what_it_resolves(frames):
    made = frames(batch_sizes=(64,), replicates=1)
    tried = pd.concat(
        attempts(["inconclusive"] * 6, share=share, case_id=case_id)
        for share in (0.0, 0.05)
        for case_id in (*made.trials["case_id"].unique(), "of another run")
    )
    said = calibration_in_brief(replace(made, attempts=tried))
    assert [" ".join(one.split()[:2]) for one in said] == ["Calibration: of", "As far"]
    others = tried[tried["case_id"] == "of another run"]
    (elsewhere,) = calibration_in_brief(replace(made, attempts=others))
    assert "for other cases than these" in elsewhere
    assert calibration_in_brief(made) == calibration_told(made)
    runs = pd.concat([made.runs, made.runs.assign(run_id="another", hostname="another")])
    (of_hosts,) = calibration_in_brief(replace(made, attempts=tried, runs=runs))
    assert "hosts were calibrated" in of_hosts


def test_a_table_says_of_each_kind_of_try_what_was_called_and_how_long_it_took():
    same = pd.concat([attempts(["equivalent"] * 3), attempts(["inconclusive", "first faster"], try_s=8.0)])
    slowed = attempts(["first faster"] * 2 + ["equivalent"], share=0.004, ratio=1.1)
    shown = calibrated(calibration(pd.concat([same, slowed])))
    assert "case" not in shown
    planted = shown[["planted", "tries", "undecided"]]
    assert planted.to_numpy().tolist() == [
        ["0 %", "2 of 8 s", "1"], ["0 %", "3 of 20 s", "0"], ["0.4 %", "3 of 20 s", "0"],
    ]  # fmt: skip
    # Nothing can be found where nothing was planted; what is called equivalent may be.
    assert [one.split()[0] for one in shown["found"]] == ["–", "–", "3"]
    assert [one.split()[0] for one in shown["wrong"]] == ["1", "0", "0"]
    assert [one.split()[0] for one in shown["interval held"]] == ["2", "3", "0"]


def test_a_table_tells_tries_in_other_numbers_of_matches_apart():
    tried = [attempts(["inconclusive"] * count, replicates=count) for count in (6, 20)]
    shown = calibrated(calibration(pd.concat(tried)))
    assert shown["tries"].tolist() == ["6 of 20 s in 6 matches", "20 of 20 s in 20 matches"]


def residents(speed_ratio, *, partners):
    spread = [0.999, 1.0, 1.001]
    return pd.DataFrame(
        {
            "framework": "pytorch", "batch_size": 64, "partners": partners, "replicate": range(3),
            "speed_ratio": [speed_ratio * one for one in spread],
        }
    )  # fmt: skip


def test_what_a_worker_loses_beside_others_is_told_where_it_is_more_than_a_percent(frames):
    made = frames(batch_sizes=(64,), replicates=1)
    rows = pd.concat([residents(0.992, partners=1), residents(0.95, partners=7)])
    (sentence,) = residents_told(replace(made, residents=rows))
    assert sentence.startswith(
        "In turns on the CPU PyTorch at batch 64 has this much of its speed alone: 0.95 (0.95 to 0.95) "
        "with 7 others (3 replicates)."
    )
    assert list(residents_told(replace(made, residents=residents(0.992, partners=1)))) == []
    assert list(residents_told(made)) == []


def test_the_section_tells_what_workers_lose_beside_others(shown, tmp_path):
    made = shown(batch_sizes=(64,), replicates=1)
    frames = replace(made.frames, residents=residents(0.95, partners=1))
    drawn = section.telling(replace(made, frames=frames), tmp_path)
    assert "0.95 (0.95 to 0.95) with 1 other (3 replicates)" in drawn.points[-1]


def test_the_section_draws_false_alarms_where_there_are_any_to_draw(shown, tmp_path):
    made = shown(batch_sizes=(64,), replicates=1)
    tried = pd.concat([attempts(["inconclusive"] * 3), attempts(["first faster"] * 3, way="welch")])
    drawn = section.telling(replace(made, frames=replace(made.frames, attempts=tried)), tmp_path)
    assert drawn.reason is None
    assert (tmp_path / "telling.png").exists()
    assert [row[1] for row in drawn.table.rows] == [IN_TURNS, "Welch's t-test on rounds"]
    bare = section.telling(made, tmp_path)
    assert bare.reason == "No calibration compared a framework with itself here."
    assert not (tmp_path / "telling.png").exists()


def test_the_table_names_cases_where_there_are_several(shown, tmp_path):
    made = shown(batch_sizes=(64,), replicates=1)
    tried = pd.concat(
        [attempts(["inconclusive"] * 3, case_id=f"mnist-{one}-e1000") for one in ("b64", "b512")]
    )
    drawn = section.telling(replace(made, frames=replace(made.frames, attempts=tried)), tmp_path)
    assert [row[0] for row in drawn.table.rows] == ["batch 64", "batch 512"]


def test_noise_says_how_many_rounds_were_disturbed_and_that_verdicts_hold(shown):
    made = shown(batch_sizes=(64,))
    rounds = made.rounds.assign(others_cpu_s=0.0, steal_s=0.0)
    rounds.loc[rounds["epoch"] == 2, "disturbed_by"] = "others"
    noisy = replace(made, rounds=rounds, frames=replace(made.frames, rounds=rounds))
    told = section.noise(noisy)
    assert told.intro.startswith("12 of 60 training rounds were disturbed")
    assert told.intro.endswith("Without the disturbed rounds every verdict is the same.")
    assert [row[4] for row in told.table.rows] == ["6", "6"]


def test_a_verdict_that_hangs_on_disturbed_rounds_is_told_both_ways(shown):
    made = shown(batch_sizes=(64,), ratio=1.0)
    rounds = made.rounds.assign(others_cpu_s=0.0)
    hit = (rounds["epoch"] <= 3) & (rounds["framework"] == "pytorch")
    rounds.loc[hit, "wall_s"] *= 1.5
    rounds.loc[hit, "disturbed_by"] = "others"
    frames = replace(made.frames, rounds=rounds)
    told = section.noise(replace(made, rounds=rounds, frames=frames, judged=judge(frames)))
    assert "other verdicts come out: batch 64: equivalent at 1.00" in told.intro


def test_a_run_whose_noise_was_not_recorded_says_so(shown):
    assert section.noise(shown(batch_sizes=(64,), replicates=1)).reason.startswith("What else")
