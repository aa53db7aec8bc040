"""A run whose parent or workers are killed goes on to its end, and nothing is lost, torn, double or left."""

from __future__ import annotations

import random
import subprocess
from contextlib import ExitStack

import pytest

from harness.store.reader import read
from tests.faults.breaking import ASKED, Place, break_disk, break_parent, break_worker, go_on, small_disk

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


@pytest.fixture
def disk(place):
    """Makes a small disk of the results folder."""
    with ExitStack() as mounted:

        def make(size_bytes):
            try:
                return mounted.enter_context(small_disk(place.folder / place.results, size_bytes))
            except (OSError, subprocess.CalledProcessError) as error:
                pytest.skip(f"a small disk cannot be mounted here: {error}")

        yield make


# Room for the folders, for some matches, and for all but the last words.
@pytest.mark.parametrize("size_bytes", [1 << 16, 600_000])
def test_a_run_that_finds_its_disk_full_says_so_and_goes_on_when_there_is_room(place, disk, size_bytes):
    resize = disk(size_bytes)
    assert break_disk(place) == []
    assert "No space left on device" in place.said
    resize(1 << 26)
    assert go_on(place) == 0, place.said
    assert place.wrong() == []


def test_a_run_that_is_finished_misses_nothing_and_another_cannot_be_asked_for_beside_it(place):
    assert place.finish(*ASKED) == 0, place.said
    before = place.said
    assert place.finish("--resume", "latest") == 0
    assert "nothing is missing; it ended because" in place.said.removeprefix(before)
    assert place.finish("--resume", "latest", "--batch-size", "64") == 2
    assert "RESUME=latest: not allowed; use it without BATCH" in place.said
    assert place.wrong() == []
