"""Processor time tells whether work was done when it was asked for, anew, and by as many threads as given."""

from __future__ import annotations

import numpy as np
import pytest

from harness.errors import OtherWork
from harness.worker.effort import ASKING, LOOKED, READY, require_anew, require_done, require_threads, uneven


class Computing:
    """A witness whose answer is what its state makes of some work."""

    def __init__(self):
        self.state = 3.0

    def keep(self):
        return self.state

    def put_back(self, kept):
        self.state = kept

    def answer(self):
        return self.state * np.linalg.norm(np.ones((400, 400)) @ np.ones((400, 400)))


class Remembering(Computing):
    """Computes once for each state."""

    known = None

    def put_back(self, kept):
        super().put_back(kept)
        self.known = None

    def answer(self):
        if self.known is None:
            self.known = super().answer()
        return self.known


def asked(witness, proven):
    require_anew(witness, 2.0, "an answer", witness.answer, proven.append)


def test_what_is_computed_each_time_goes_on_from_its_own_state():
    witness, proven = Computing(), []
    asked(witness, proven)
    assert witness.state == 3.0
    # The answer that is proven is the other state's.
    assert proven == [pytest.approx(witness.answer() * 2 / 3)]


class Reading(Computing):
    """Its answer takes little but to read what putting back has driven out of the processor's cache."""

    def __init__(self):
        super().__init__()
        self.weights = np.ones(150_000, np.float32)
        self.others = np.ones(8 << 20, np.float32)

    def put_back(self, kept):
        super().put_back(kept)
        self.others += 0

    def answer(self):
        return self.state * float(self.weights @ self.weights)


def test_what_is_read_sooner_the_second_time_alone_is_computed_anew():
    for _ in range(20):
        asked(Reading(), [])


def test_what_is_remembered_is_other_work():
    with pytest.raises(
        OtherWork, match=r"an answer took 0\.\d+ s of processor time, once it was known 0\.0\d+ s"
    ):
        asked(Remembering(), [])


def test_a_wrong_answer_is_found_by_whoever_proves_it():
    def refuse(answer):
        raise OtherWork("not that of these weights")

    witness = Computing()
    with pytest.raises(OtherWork, match="not that of these weights"):
        require_anew(witness, 2.0, "an answer", witness.answer, refuse)


def test_what_is_done_beside_a_round_may_cost_a_fifth_of_the_round():
    require_done("a round", 0.5, "looking at it", 0.1, LOOKED)
    require_done("a round", 0.0, "looking at it", 0.02, LOOKED)
    require_done("a round", 0.5, "making it ready", 0.025, READY)
    # On a GPU a round's own may be little.
    require_done("a round", 0.1, "making it ready", 0.1, ASKING)
    with pytest.raises(
        OtherWork, match=r"a round took 0\.500 s of processor time, and looking at it 0\.110 s"
    ):
        require_done("a round", 0.5, "looking at it", 0.11, LOOKED)
    with pytest.raises(OtherWork, match=r"making it ready 0\.030 s"):
        require_done("a round", 0.5, "making it ready", 0.03, READY)


def test_threads_are_told_by_the_processors_that_they_kept_busy():
    require_threads(1, cpu_s=1.2, wall_s=1.0)
    with pytest.raises(OtherWork, match=r"kept 1\.30 processors busy and was given 1"):
        require_threads(1, cpu_s=1.3, wall_s=1.0)


def test_a_pool_of_threads_has_those_beside_it_that_hand_it_work():
    require_threads(2, cpu_s=4.2, wall_s=1.0)
    with pytest.raises(OtherWork, match=r"kept 4\.30 processors busy and was given 2"):
        require_threads(2, cpu_s=4.3, wall_s=1.0)


def test_a_round_shorter_than_the_clocks_tick_is_let_go():
    require_threads(1, cpu_s=0.009, wall_s=0.001)


def test_one_of_several_alike_that_took_a_third_of_another_is_told():
    assert not uneven([0.02, 0.05, 0.03])
    assert uneven([0.05, 0.016, 0.05])
