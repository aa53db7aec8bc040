"""How a run stands follows from what its matches said: what another of its kind should take, too."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from harness.analysis.statistics import MIN_REPLICATES, Verdict
from harness.engine.standing import Standing, alike
from harness.engine.stopping import EXTRA, like
from harness.measure import host
from harness.settings import config
from harness.settings.grid import plan
from harness.settings.matches import between
from harness.work.records import Failure, Phase, Role
from harness.work.tally import Tally
from tests.store.test_writer import trial

SAMPLE_S, EVALUATE_S = 1e-4, 0.5


@pytest.fixture
def planned(tmp_path):
    return plan(config.resolve({"batch_size": "64", "epochs": "4", "threads": "1"}, {}, tmp_path))


def test_a_whole_training_takes_what_its_epochs_and_a_matchs_start_do(planned):
    standing = Standing(planned, spent_s=0.0, tally=Tally())
    (case,) = planned.cases
    match, learning = between(case, 0), replace(between(case, 0), learning=True)
    assert standing.expected_s(learning) is None
    pace = {"train_sample_s": SAMPLE_S, "evaluate_s": EVALUATE_S}
    one = replace(trial(), case=case, pace=pace)
    turns_s = sum(turn.wall_s for turn in one.rounds)
    both = (replace(one, seat=0), replace(one, seat=1))
    standing.learn(match, both, 2 * turns_s + 30.0, unproven=False)
    training_s = 4 * (60_000 * SAMPLE_S + EVALUATE_S)
    in_turn = 2 if host.usable_cores() == 1 else 1
    assert standing.expected_s(learning) == pytest.approx(in_turn * training_s + 30.0)


def test_of_a_case_that_is_refused_nothing_is_wanted_and_the_others_are_as_if_they_had_been_alone(tmp_path):
    asked = {"batch_size": "64,128", "replicates": "8"}
    both = plan(config.resolve(asked, {}, tmp_path))
    standing = Standing(both, spent_s=0.0, tally=Tally())
    kept, refused = both.cases
    standing.refuse({refused.id})
    assert not standing.can_be_measured(refused)
    wanted = [match for match in both.matches(MIN_REPLICATES) if standing.wanted(match)]
    assert {match.case for match in wanted if match.role is not Role.CONTROL} == {kept}
    assert {match.role for match in wanted} == {Role.COMPARISON, Role.LEARNING, Role.CONTROL}
    assert standing.because(asks_beside=False).startswith("every case has its 8 replicates; 0 of 1 case ")
    standing.refuse({kept.id})
    assert standing.because(asks_beside=False) == "no case had a certificate that holds"


def test_of_three_frameworks_a_case_is_known_once_every_two_are(planned):
    settings = replace(planned.settings, frameworks=("tensorflow", "pytorch", "theirs"))
    standing = Standing(replace(planned, settings=settings), spent_s=0.0, tally=Tally())
    (case,) = planned.cases
    speeds = np.random.default_rng(0).normal(0, 0.001, (40, 2))
    wanted = []
    for replicate, (steady, other) in enumerate(speeds):
        match = between(case, replicate, settings.frameworks)
        wanted.append(standing.wanted(match))
        # The third one's replicates are few: every other match it fails.
        took = (1.0, 1.3 * np.exp(steady), 2.0 * np.exp(other) if replicate % 2 else None)
        told = standing.learn(match, [took_in(seat, s) for seat, s in enumerate(took)], 10.0, unproven=False)
        assert list(told) == ([(0, 1), (0, 2), (1, 2)] if replicate % 2 else [(0, 1)])
    # Six replicates, and two more after the first look that was narrow enough.
    assert wanted.index(False) == 2 * (MIN_REPLICATES + EXTRA)
    assert standing.judged(told[0, 1]).verdict == standing.judged(told[0, 2]).verdict == Verdict.A_FASTER
    assert len(set(told.values())) == 3


def test_what_is_ahead_of_a_match_is_known_without_a_look_at_each_match_of_the_plan(planned):
    def ahead(replicates):
        settings = replace(planned.settings, replicates=replicates)
        return list(replace(planned, settings=settings).matches(MIN_REPLICATES))

    matches = ahead(2000)
    standing = Standing(planned, spent_s=0.0, tally=Tally())
    counted = Counter(map(alike, matches[1:]))
    assert len(counted) == len(Counter(map(alike, ahead(200)[1:]))) < 40
    assert standing.to_come(matches[0], counted) == Counter(map(like, matches))
    name = between(planned.cases[0], 0).contenders[0].id
    standing.set_aside[name] = "failed"
    left = Counter(like(one) for one in matches[1:] if standing.wanted(one))
    assert standing.to_come(matches[0], counted) == left + Counter([like(matches[0])])
    assert left.total() < len(matches) - 1


def took_in(seat, sample_s):
    """A trial whose rounds took so long a sample, or that failed."""
    one = replace(trial(), seat=seat)
    if sample_s is None:
        return replace(one, rounds=(), failure=Failure(kind="timeout", reason="said so"))
    first = next(turn for turn in one.rounds if turn.phase is Phase.TRAIN)
    return replace(
        one,
        failure=None,
        rounds=tuple(replace(first, samples=1000, wall_s=1000 * sample_s) for _ in range(4)),
    )


def test_two_that_memory_set_apart_tell_nothing_of_each_other(planned):
    settings = replace(planned.settings, frameworks=("tensorflow", "pytorch", "theirs"))
    standing = Standing(replace(planned, settings=settings), spent_s=0.0, tally=Tally())
    parts = [(0, 0), (0, 1), (1, 0), (1, 2)]
    trials = [replace(took_in(seat, 1.0 + seat), part=part) for part, seat in parts]
    match = between(planned.cases[0], 0, settings.frameworks)
    assert list(standing.learn(match, trials, 10.0, unproven=False)) == [(0, 1), (0, 2)]


def test_one_worker_beside_several_is_wanted_until_there_is_an_interval_and_then_as_its_cases_are(tmp_path):
    asked = {"batch_size": "64", "workers": "1,2", "threads": "1", "replicates": "8", "seed": "1"}
    made = plan(config.resolve(asked, {}, tmp_path))
    standing = Standing(made, spent_s=0.0, tally=Tally())
    met = {match.replicate: match for match in made.matches(6) if match.role is Role.SCALING}
    assert len(met) == 8
    assert all(map(standing.wanted, met.values()))
    for case, replicate in product(made.cases, range(8)):
        standing._target.record(case.id, 0.001 * (replicate % 2))
    known = [replicate for replicate, match in met.items() if standing.wanted(match)]
    assert known == list(range(6))
    standing.too_large.add(made.cases[1].id)
    assert not any(map(standing.wanted, met.values()))


def test_several_workers_judge_nothing(tmp_path):
    asked = {"batch_size": "64", "workers": "1,2", "threads": "1", "replicates": "1"}
    made = plan(config.resolve(asked, {}, tmp_path))
    standing = Standing(made, spent_s=0.0, tally=Tally())
    (match,) = [one for one in made.matches(6) if one.role is Role.SCALING]
    trials = tuple(
        replace(trial(), case=one.case, framework=one.framework, seat=seat, role=Role.SCALING)
        for seat, one in enumerate(match.contenders)
    )
    assert standing.learn(match, trials, 10.0, unproven=False) == {}
