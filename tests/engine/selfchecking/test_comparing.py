"""Slower or not, or not to be told: by rounds in turns, until it is known."""

from __future__ import annotations

import random

import pytest

from harness.engine.selfchecking import comparing
from harness.engine.selfchecking.comparing import compare, slowdown
from harness.engine.selfchecking.outcome import Outcome, State, could_not, together


class Rounds:
    """Rounds whose times are drawn, on a clock that only they move."""

    def __init__(self, spread: float, **slower: float) -> None:
        self.order: list[str] = []
        self.now_s = 0.0
        self._spread = spread
        self._random = random.Random(1)
        self.kinds = {name: self._kind(name, share) for name, share in slower.items()}

    def _kind(self, name, share):
        def run():
            self.order.append(name)
            taken_s = (1 + share) * (1 + self._spread * self._random.gauss(0, 1))
            self.now_s += taken_s
            return taken_s

        return run

    def compared(self, monkeypatch, for_s, bound=0.05):
        monkeypatch.setattr(comparing.time, "monotonic", lambda: self.now_s)
        return compare(self.kinds, "plain", bound=bound, left_s=lambda: for_s - self.now_s)


@pytest.mark.parametrize(
    ("share", "spread", "state"),
    [
        (0.0, 0.01, State.PASSED),
        (0.02, 0.01, State.PASSED),
        (0.10, 0.01, State.FAILED),
        (0.10, 0.05, State.FAILED),
        (0.0, 0.05, State.PASSED),
        (0.05, 0.3, State.COULD_NOT),
    ],
)
def test_a_kind_is_judged_by_how_much_longer_it_takes(monkeypatch, share, spread, state):
    rounds = Rounds(spread, plain=0.0, other=share)
    assert rounds.compared(monkeypatch, 400)["other"].state is state


def test_noise_costs_time_and_no_right_answer(monkeypatch):
    quiet, noisy = (Rounds(spread, plain=0.0, other=0.0) for spread in (0.005, 0.08))
    assert quiet.compared(monkeypatch, 2000)["other"].state is State.PASSED
    assert noisy.compared(monkeypatch, 2000)["other"].state is State.PASSED
    assert len(noisy.order) > len(quiet.order)


def test_a_kind_that_is_judged_leaves_its_time_to_the_others(monkeypatch):
    rounds = Rounds(0.03, plain=0.0, clear=0.5, close=0.04)
    found = rounds.compared(monkeypatch, 2000)
    assert (found["clear"].state, found["close"].state) == (State.FAILED, State.PASSED)
    assert rounds.order.count("clear") == (comparing.LEAST_BLOCKS + 1) * comparing.TURNS_A_BLOCK
    assert rounds.order.count("close") > 2 * rounds.order.count("clear")


def test_no_block_is_begun_that_would_not_end_in_time(monkeypatch):
    rounds = Rounds(0.3, plain=0.0, other=0.05)
    rounds.compared(monkeypatch, 100)
    assert rounds.now_s < 100


def test_where_there_is_no_time_nothing_is_said(monkeypatch):
    assert Rounds(0.1, plain=0.0, other=0.0).compared(monkeypatch, 0) == {}


def test_every_turn_has_a_round_of_each_and_the_next_has_them_reversed(monkeypatch):
    rounds = Rounds(0.01, plain=0.0, one=0.0, two=0.0)
    rounds.compared(monkeypatch, 100)
    turns = [rounds.order[i : i + 3] for i in range(0, len(rounds.order), 3)]
    assert all(sorted(turn) == ["one", "plain", "two"] for turn in turns)
    assert all(turns[i + 1] == turns[i][::-1] for i in range(0, len(turns), 2))
    assert len({tuple(turn) for turn in turns}) > 2


def test_what_never_differed_was_not_measured():
    assert slowdown([0.0, 0.0, 0.0], 0.05).state is State.COULD_NOT


def test_the_worst_of_several_outcomes_speaks_for_them_all():
    passed, failed = (Outcome(state=state, sentence=state.value) for state in (State.PASSED, State.FAILED))
    assert together([passed, failed, could_not("no GPU")]).sentence == "fail"
    assert together([passed, could_not("no GPU")]).sentence == "could not: no GPU"
    assert together([passed, passed]) == Outcome(state=State.PASSED, sentence="pass")
