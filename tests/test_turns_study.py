"""The study of learned turns plays and judges as the harness does."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from harness.analysis.match import turn_error, typical_effects
from harness.analysis.statistics import MIN_REPLICATES
from harness.engine.known import FEWEST_TURNS, MOST_TURNS
from studies.noise import SCENARIOS, Shape
from studies.simulated_runs import Costs, Run, Stop, played, turn_errors
from studies.turns_study import FAMILIES, STOPS, USUAL, rows
from studies.turns_tables import tables

NAMED = {scenario.name: scenario for scenario in SCENARIOS}


def log_times(name, runs=3, replicates=8):
    shape = Shape(simulations=runs, replicates=replicates, rounds=MOST_TURNS)
    return NAMED[name].noise(np.random.default_rng(1), shape)


def test_a_match_says_what_the_harness_would_read_from_its_times():
    simulated = log_times("bursts")
    log_ratios, turns = played(simulated, USUAL, learns=True)
    for (run, replicate), count in np.ndenumerate(turns):
        sample_s = np.exp(simulated[run, replicate, :count])
        first, second = typical_effects(sample_s)
        assert log_ratios[run, replicate] == pytest.approx(first - second)
        assert turn_errors(simulated[[run], replicate, :count]) == pytest.approx(
            turn_error(sample_s), rel=1e-5
        )


def test_turns_are_learned_once_a_verdict_could_be_or_stay_those_of_the_first():
    simulated = log_times("white")
    fixed, learned = (played(simulated, USUAL, learns=learns)[1] for learns in (False, True))
    assert (fixed == 20).all()
    assert (learned[:, :MIN_REPLICATES] == 20).all()
    assert (learned[:, MIN_REPLICATES:] > 20).any()
    assert ((learned >= FEWEST_TURNS) & (learned <= MOST_TURNS)).all()


def ended(stop, *, took_s, spread):
    """Replicates of each case, of matches that all take as long and say the same two things in turn."""
    log_ratios = np.tile(spread * np.array([1.0, -1.0]), (stop.cases, stop.most // 2))
    run = Run(stop, Costs(name="", start_s=10.0, after_s=0.0, turn_s=0.0001))
    return run.replicates(log_ratios, np.full(log_ratios.shape, took_s))


def test_a_run_ends_two_replicates_after_it_is_narrow_or_when_its_time_is_spent():
    assert ended(Stop(most=8), took_s=10.0, spread=1.0) == [8]
    assert ended(Stop(within=0.02, budget_s=1000), took_s=10.0, spread=0.001) == [8]
    assert ended(Stop(within=0.02, budget_s=1000), took_s=10.0, spread=1.0) == [20]
    # Six replicates, three controls and three trainings leave time for two more and three controls.
    assert ended(Stop(within=0.02, budget_s=180), took_s=10.0, spread=1.0) == [8]
    assert ended(Stop(cases=2, within=0.02, budget_s=250), took_s=18.0, spread=1.0) == [6, 6]


def test_wide_noise_is_called_seldom_and_a_real_difference_often():
    found = pd.DataFrame(rows(NAMED["white"], 50, STOPS, [USUAL]))
    assert len(found) == 2 * len(STOPS)
    assert (found["coverage"] > 0.8).all()
    assert (found["false_alarm"] < 0.2).all()
    assert (found["found_5_percent"] > 0.9).all()


def test_every_setting_has_a_line_in_both_tables_of_settings_and_one_case_in_a_third():
    found = [*rows(NAMED["white"], 10, STOPS[:1], [USUAL]), *rows(NAMED["white"], 10, FAMILIES, [USUAL])]
    told = tables(pd.DataFrame(found))
    assert told.count("| usual | 1 | at 6 replicates |") == 2
    assert told.count("| usual | 2 | within 2 % or 250 s |") == 2
    assert told.count("| usual | 4 | within 2 % or 900 s |") == 2
    assert told.count("| white | at 6 replicates |") == 1
