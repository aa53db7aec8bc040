"""What a run has measured is read back as the records that it was, as far as the run needs them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from harness.errors import NotResumable
from harness.settings.matches import between
from harness.store.earlier import Measured
from harness.store.writer import Store
from harness.work.records import INTERRUPTED, Failure, Phase
from harness.work.workload import Case, Mode, Workload
from tests.store.test_writer import one_round, trial

MATCH = between(Case(workload=Workload(), device="cpu", mode=Mode.LOOP), 0)
PACE = {"train_sample_s": 1e-6, "evaluate_s": None}


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "results")
    made.prepare()
    made.save_run({"run_id": "r1", "status": "running"})
    return made


def measured(seat, name=f"r1-{MATCH.id}", **changed):
    """What one seat measured of a match."""
    framework = MATCH.contenders[seat].framework
    rounds = (one_round(index=0, wall_s=3.0), one_round(index=1), one_round(Phase.EVALUATE, accuracy=0.9))
    one = replace(
        trial(framework=framework, rounds=(replace(rounds[0], warm_up=True), *rounds[1:])),
        match_id=name,
        trial_id=f"{name}-{seat}-{framework}",
        seat=seat,
        pace=PACE,
    )
    return replace(one, **changed)


def both(**changed):
    return [measured(seat, **changed) for seat in (0, 1)]


def test_rounds_paces_and_times_come_back_as_they_were(store):
    store.save_match(both())
    for gathered in (False, True):
        if gathered:
            store.gather("r1")
        found = Measured(store.folder, "r1").trials(MATCH)
        for one, was in zip(found, both(), strict=True):
            assert (one.seat, one.part, one.case, one.role) == (was.seat, was.part, was.case, was.role)
            assert one.rounds == was.rounds
            assert one.pace == was.pace
            assert one.wall_s == was.wall_s


def test_a_contender_that_failed_is_no_reason_to_measure_again(store):
    died = Failure(kind="died", reason="it was ended by SIGKILL")
    store.save_match([measured(0), measured(1, failure=died, startup=None, pace=None, rounds=())])
    one, other = Measured(store.folder, "r1").trials(MATCH)
    assert (one.failure, other.failure) == (None, died)
    assert other.pace is None
    assert other.rounds == ()


def test_a_match_that_was_interrupted_is_not_there_until_it_has_been_measured_again(store):
    store.save_match(both(failure=Failure(kind=INTERRUPTED, reason="it was")))
    cut = Measured(store.folder, "r1")
    assert (cut.trials(MATCH), cut.matches, cut.spent_s) == ((), 0, 0)
    store.gather("r1")
    store.save_match(both())
    again = Measured(store.folder, "r1")
    assert (len(again.trials(MATCH)), again.matches, again.trials_done) == (2, 1, 2)


def test_the_parts_that_memory_made_of_a_match_come_back_in_their_order(store):
    name = f"r1-{MATCH.id}"
    split = [*both(), measured(1, f"{name}-part1", part=1), measured(0, f"{name}-part1", part=1)]
    store.save_match(split)
    found = Measured(store.folder, "r1").trials(MATCH)
    assert [(one.part, one.seat) for one in found] == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_a_match_of_another_replicate_is_not_there(store):
    store.save_match(both())
    assert Measured(store.folder, "r1").trials(replace(MATCH, replicate=1)) == ()


def test_a_match_took_from_its_first_start_to_its_last_end(store):
    begin = datetime(2026, 11, 29, 12, tzinfo=UTC)
    one = measured(0, started_at=begin, wall_s=5.0)
    store.save_match([one, measured(1, started_at=begin + timedelta(seconds=1), wall_s=7.0)])
    found = Measured(store.folder, "r1")
    assert (found.took_s(MATCH), found.spent_s) == (8.0, 8.0)
    assert found.took_s(replace(MATCH, replicate=1)) == 0.0


def test_a_match_in_which_others_sat_is_there_and_cannot_be_gone_on_with(store):
    store.save_match(both())
    found = Measured(store.folder, "r1")
    turned = replace(MATCH, contenders=MATCH.contenders[::-1])
    assert found.took_s(turned) > 0
    with pytest.raises(NotResumable, match=r"seat 0 was tensorflow/.*'s, and is another's now"):
        found.trials(turned)
