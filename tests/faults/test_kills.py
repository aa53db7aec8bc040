"""A run whose parent or workers are killed goes on to its end, and nothing is lost, torn, double or left."""

from __future__ import annotations

import random

import pytest

from harness.store.reader import read
from tests.faults.breaking import ASKED, Place, break_parent, break_worker, go_on

pytestmark = pytest.mark.slow


@pytest.fixture
def place(tmp_path, synthetic_root):
    return Place(folder=tmp_path, cache=synthetic_root.parent)


# Before the first match, and in the midst of them.
@pytest.mark.parametrize("after_s", [3.0, 8.0])
def test_a_run_whose_parent_is_killed_leaves_no_process_and_goes_on_to_its_end(place, after_s):
    assert break_parent(place, after_s) == []
    assert go_on(place) == 0, place.said
    assert place.wrong() == []


def test_a_worker_that_is_killed_is_a_failure_on_record_and_the_run_goes_on(place):
    assert break_worker(place, 4.0, random.Random(1))
    frames = read(place.folder / place.results)
    assert frames.runs["status"].tolist() == ["finished"]
    assert place.wrong() == []


def test_a_run_that_is_finished_misses_nothing_and_another_cannot_be_asked_for_beside_it(place):
    assert place.finish(*ASKED) == 0, place.said
    before = place.said
    assert place.finish("--resume", "latest") == 0
    assert "nothing is missing; it ended because" in place.said.removeprefix(before)
    assert place.finish("--resume", "latest", "--batch-size", "64") == 2
    assert "RESUME=latest: not allowed; use it without BATCH" in place.said
    assert place.wrong() == []
