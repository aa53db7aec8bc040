"""Questions that share ratios, and families that share contenders."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.analysis.questions import Ratio, every_two, judge_questions
from harness.analysis.statistics import CAUTION, MIN_REPLICATES, Verdict, corrected, holm, judge, judge_family

NAMES = ["a", "b", "c", "d"]


def samples_of(ratios, effects):
    """Log-ratios of each, from (replicates, contenders) effects."""
    place = {name: number for number, name in enumerate(NAMES)}
    return {one: effects[:, place[one.first]] - effects[:, place[one.second]] for one in ratios}


def effects_of(speeds, sd=0.01, replicates=8, seed=0):
    rng = np.random.default_rng(seed)
    return np.log(speeds) + rng.normal(0, sd, (replicates, len(speeds)))


def test_every_two_contenders_meet_once():
    assert every_two("64", NAMES[:3]) == [Ratio("64", "a", "b"), Ratio("64", "a", "c"), Ratio("64", "b", "c")]


def test_a_verdict_names_the_faster_contender():
    ratios = every_two("64", NAMES)
    told = judge_questions({"matched": ratios}, samples_of(ratios, effects_of([1.0, 1.1, 1.0, 0.9])))
    verdicts = {(one.first, one.second): judged.verdict for one, judged in told["matched"].items()}
    assert verdicts["a", "b"] == "b faster"
    assert verdicts["b", "c"] == "b faster"
    assert verdicts["c", "d"] == "c faster"
    assert verdicts["a", "c"] == Verdict.EQUIVALENT


def test_all_ratios_of_all_questions_and_cases_are_one_family():
    ratios = every_two("64", NAMES) + every_two("512", NAMES)
    samples = samples_of(ratios, effects_of([1.0, 1.01, 1.02, 1.0], sd=0.03))
    questions = {"matched": ratios[:6], "best": ratios[6:]}
    told = judge_questions(questions, samples)
    judged = [judgement for answers in told.values() for judgement in answers.values()]
    alone = judge_family([samples[one] for one in ratios])
    assert [one.p_difference_adjusted for one in judged] == [one.p_difference_adjusted for one in alone]
    raw = [one.p_difference for one in judged]
    assert [one.p_difference_adjusted for one in judged] == pytest.approx(corrected(raw))


def test_a_ratio_that_two_questions_ask_for_is_corrected_for_once_and_answered_alike():
    ratios = every_two("64", NAMES[:3])
    samples = samples_of(ratios, effects_of([1.0, 1.04, 1.0, 1.0], sd=0.03))
    once = judge_questions({"matched": ratios}, samples)
    twice = judge_questions({"matched": ratios, "best": [ratios[0]]}, samples)
    assert twice["matched"] == once["matched"]
    assert twice["best"] == {ratios[0]: once["matched"][ratios[0]]}


def test_a_ratio_that_nobody_asks_for_makes_no_verdict_harder():
    asked, *others = every_two("64", NAMES)
    samples = samples_of([asked, *others], effects_of([1.0, 1.04, 1.0, 1.0], sd=0.03))
    told = judge_questions({"matched": [asked]}, samples)["matched"][asked]
    assert told.p_difference_adjusted == judge(samples[asked]).p_difference_adjusted


def test_a_ratio_without_enough_replicates_is_answered_and_is_no_member_of_the_family():
    ratios = every_two("64", NAMES[:3])
    samples = samples_of(ratios, effects_of([1.0, 1.1, 1.0, 1.0]))
    samples[ratios[2]] = samples[ratios[2]][: MIN_REPLICATES - 1]
    told = judge_questions({"matched": ratios}, samples)["matched"]
    assert told[ratios[2]].verdict == Verdict.INCONCLUSIVE
    assert told[ratios[2]].p_difference is None
    assert told[ratios[0]].p_difference_adjusted <= CAUTION * 2 * told[ratios[0]].p_difference


def test_the_chance_that_any_of_many_equal_contenders_is_called_faster_is_held_though_their_ratios_depend():
    rng = np.random.default_rng(7)
    ratios, runs, alarms = every_two("64", NAMES), 400, 0
    for _ in range(runs):
        effects = rng.normal(0, 0.05, (MIN_REPLICATES, len(NAMES)))
        told = judge_questions({"matched": ratios}, samples_of(ratios, effects))["matched"]
        alarms += any(judged.verdict.endswith("faster") for judged in told.values())
    # Three standard errors above 5 % in 400.
    assert alarms / runs <= 0.083


def test_holm_holds_its_error_where_dependence_is_the_worst_that_bonferroni_allows():
    # Of six hypotheses at most one has a small p-value, in disjoint events: the bound is reached exactly.
    rng = np.random.default_rng(8)
    tests, runs = 6, 20_000
    p_values = np.ones((runs, tests))
    p_values[np.arange(runs), rng.integers(0, tests, runs)] = rng.random(runs) / tests
    share = float((holm(p_values) <= 0.05).any(axis=1).mean())
    assert share == pytest.approx(0.05, abs=3 * math.sqrt(0.05 * 0.95 / runs))


def test_a_ratio_that_nothing_measured_is_refused():
    with pytest.raises(ValueError, match="nothing measured a over b in 64"):
        judge_questions({"matched": [Ratio("64", "a", "b")]}, {})


def test_a_ratio_cannot_be_asked_for_both_ways_round():
    there = Ratio("64", "a", "b")
    samples = {there: [0.1] * 8, there.inverse: [-0.1] * 8}
    with pytest.raises(ValueError, match="a over b in 64 is asked both ways round"):
        judge_questions({"matched": [there], "ladder": [there.inverse]}, samples)


def test_a_contender_is_not_asked_for_over_itself():
    with pytest.raises(ValueError, match="a cannot be asked for over itself"):
        Ratio("64", "a", "a")
