"""How a run stands follows from what its matches said: what another of its kind should take, too."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.engine.standing import Standing
from harness.measure import host
from harness.settings import config
from harness.settings.grid import between, plan
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
