"""When a shard that was sent is left alone, sent again, or given up."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.launchers.notes import ASKED, OUT_OF_TIME, Found, Note
from harness.launchers.record import Seen, Standing
from harness.launchers.rules import Step, decide


def attempt(folder=Path("/nowhere"), *, said="", **told):
    note = Note(shard=1, sending=1, host="node1", pid=7, started_at="20261129T214500", **told)
    path = folder / "01.json"
    if said:
        path.with_suffix(".log").write_text(f"first\n{said}\n\n")
    return Found(note=note, path=path, moved_ns=1)


def decided(standing, one=None, *, is_finished=False, quiet_s=0.0):
    seen = None if standing is None else Seen(standing=standing, host="node1")
    return decide(seen=seen, attempt=one, is_finished=is_finished, quiet_s=quiet_s, silent_s=180)


ENDED = {"ended_at": "20261129T220000"}


@pytest.mark.parametrize("standing", [None, Standing.WAITING, Standing.RUNNING])
def test_one_that_waits_or_shows_that_it_lives_is_left_alone(standing):
    assert decided(standing, attempt(), quiet_s=100).step is Step.LEAVE


def test_one_that_waits_may_do_so_for_ever():
    assert decided(Standing.WAITING, quiet_s=1e6).step is Step.LEAVE


@pytest.mark.parametrize("standing", [None, Standing.RUNNING])
def test_silence_is_a_lost_host_whatever_the_engine_says(standing):
    found = decided(standing, attempt(), quiet_s=181)
    assert (found.step, found.lost, found.counts) == (Step.AGAIN, "node1", True)
    assert "no sign of life of node1 for 181 s" in found.why


def test_a_job_that_never_began_its_attempt_is_lost_with_the_host_that_the_engine_names():
    assert decided(Standing.RUNNING, quiet_s=181).lost == "node1"


@pytest.mark.parametrize(
    ("standing", "told", "why", "counts"),
    [
        (Standing.PREEMPTED, {}, "it was preempted", False),
        (Standing.OUT_OF_TIME, {}, "its time was over", True),
        (Standing.GONE, {"status": 130, "ended_by": OUT_OF_TIME, **ENDED}, "its time was over", True),
        (Standing.GONE, {"status": 130, "ended_by": ASKED, **ENDED}, "it was asked to end", False),
        (Standing.GONE, {}, "it was killed on node1", True),
        (Standing.GONE, {"status": -9, **ENDED}, "signal 9 on node1", True),
        (Standing.GONE, {"status": 1, **ENDED}, "exit status 1 on node1", True),
    ],
)
def test_what_ended_early_is_sent_again_and_preemptions_are_told_from_timeouts(standing, told, why, counts):
    found = decided(standing, attempt(**told))
    assert (found.step, found.counts, found.lost) == (Step.AGAIN, counts, None)
    assert found.why.startswith(why)


def test_a_host_that_the_engine_calls_lost_is_not_asked_again():
    found = decided(Standing.HOST_LOST, attempt())
    assert (found.step, found.lost) == (Step.AGAIN, "node1")


def test_a_job_that_left_no_note_is_sent_again():
    assert decided(Standing.GONE).why == "it ended without having begun"
    seen = Seen(standing=Standing.GONE, why="no such folder")
    found = decide(seen=seen, attempt=None, is_finished=False, quiet_s=0, silent_s=180)
    assert found.why == "it ended without having begun: no such folder"


@pytest.mark.parametrize("status", [2, 3])
def test_a_refusal_would_be_one_again_and_is_told_in_its_own_words(tmp_path, status):
    found = decided(
        Standing.GONE, attempt(tmp_path, said="harness: FILE=x: no shard", status=status, **ENDED)
    )
    assert (found.step, found.why) == (Step.GIVE_UP, "harness: FILE=x: no shard")


def test_what_somebody_takes_out_of_the_queue_is_not_put_back():
    assert decided(Standing.WITHDRAWN, attempt()).step is Step.GIVE_UP


@pytest.mark.parametrize(
    ("standing", "told", "quiet_s", "step"),
    [
        (Standing.RUNNING, {}, 5, Step.LEAVE),
        (None, {}, 5, Step.LEAVE),
        (Standing.RUNNING, {"status": 0, **ENDED}, 5, Step.FINISHED),
        (Standing.RUNNING, {}, 181, Step.FINISHED),
        (Standing.GONE, {}, 5, Step.FINISHED),
        (Standing.HOST_LOST, {}, 5, Step.FINISHED),
    ],
)
def test_results_that_say_so_are_finished_as_soon_as_nobody_writes_there(standing, told, quiet_s, step):
    assert decided(standing, attempt(**told), is_finished=True, quiet_s=quiet_s).step is step
