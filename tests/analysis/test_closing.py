"""Whether an explanation closes: by what it leaves unexplained and by how surely the whole is known."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from harness.analysis.closing import MOST, closing
from harness.analysis.intervals import ratio_interval
from harness.analysis.statistics import MIN_REPLICATES
from harness.work.changes import WHOLE
from tests.explained_changes import changes_of, walks_that_leave

STEADY = (1.0, 1.01, 0.99, 1.005, 0.995, 1.0)


def test_walks_that_agree_close():
    found = closing(walks_that_leave(STEADY))
    assert found.closes
    assert (found.walks, found.broken, found.parts, found.turns) == (6, 0, 1, 6)
    assert found.unexplained == ratio_interval(np.log(STEADY))
    assert found.whole.estimate == pytest.approx(0.4, rel=1e-3)


def test_fewer_walks_than_a_verdict_needs_close_nothing():
    assert not closing(walks_that_leave(STEADY[: MIN_REPLICATES - 1])).closes


def test_walks_that_scatter_do_not_close():
    found = closing(walks_that_leave((0.9, 1.1, 1.0, 1.08, 0.92)))
    assert not found.unexplained_inside
    assert not found.closes


def test_what_is_unexplained_may_be_known_and_the_whole_not():
    scattered = [one.assign(replicate=n) for n, one in enumerate(map(_of_whole, (0.3, 0.4, 0.5, 0.6, 0.3)))]
    found = closing(pd.concat(scattered, ignore_index=True))
    assert found.unexplained_inside
    assert not found.closes


def _of_whole(whole):
    return changes_of(
        {"framework": (whole / 0.5, 0.0), "scaling": (0.5, 0.0)}, whole=(whole * _jitter(whole), 0.0)
    )


def _jitter(whole):
    """A hair, so that the unexplained factor has a spread."""
    return 1 + whole / 1000


def test_the_bounds_are_the_same_whichever_end_is_over_the_other():
    left = (1.02, 1.045, 1.03, 1.05, 1.035)
    turned = [1 / one for one in left]
    assert closing(walks_that_leave(left)).closes is closing(walks_that_leave(turned)).closes


def test_the_noise_is_told_apart_into_turns_and_processes():
    left = (0.94, 1.06, 1.0, 1.05, 0.95)
    found = closing(walks_that_leave(left, turn_error=0.03))
    assert found.scatter == pytest.approx(np.log(left).std(ddof=1))
    assert found.turn_noise == pytest.approx(0.03)
    assert found.process_noise**2 + found.turn_noise**2 == pytest.approx(found.scatter**2)


def test_one_walk_tells_the_noise_of_its_turns_alone():
    found = closing(walks_that_leave((1.0,), turn_error=0.03))
    assert (found.turn_noise, found.process_noise) == (pytest.approx(0.03), None)


def test_turns_that_scatter_more_than_walks_leave_nothing_to_the_processes():
    assert closing(walks_that_leave(STEADY, turn_error=0.2)).process_noise == 0


def test_so_many_walks_are_needed_that_their_interval_just_fits():
    left = (0.9, 1.1, 1.0, 1.08, 0.92)
    found = closing(walks_that_leave(left))
    more = np.resize(np.log(left), 10_000)
    spread = np.log(left).std(ddof=1)

    def reach(number):
        sample = (more[:number] - more[:number].mean()) / more[:number].std(ddof=1) * spread
        return ratio_interval(sample).half_width

    assert reach(found.needed) <= MOST - 1 < reach(found.needed - 1)


def test_a_walk_without_all_programs_counts_for_nothing_and_is_told():
    changes = walks_that_leave((*STEADY, 2.0))
    last = (changes["replicate"] == len(STEADY)) & (changes["name"] == "scaling")
    found = closing(changes.assign(train_ratio=changes["train_ratio"].mask(last)))
    assert (found.walks, found.broken) == (len(STEADY), 1)
    assert found.closes


@pytest.mark.parametrize("left", [(), (1.0,)])
def test_no_walk_and_one_bound_nothing(left):
    changes = walks_that_leave(left) if left else walks_that_leave((1.0,)).assign(train_ratio=math.nan)
    found = closing(changes)
    assert (found.scatter, found.needed, found.closes) == (None, None, False)


def test_walks_in_which_everything_failed_close_nothing():
    found = closing(walks_that_leave((1.0, 1.0)).assign(train_ratio=None, turn_error=None))
    assert (found.walks, found.broken, found.closes) == (0, 2, False)


def test_changes_of_older_versions_know_no_turns():
    changes = walks_that_leave((0.9, 1.1, 1.0)).assign(turns=None, turn_error=None, parts=None)
    found = closing(changes)
    assert (found.turns, found.turn_noise, found.process_noise, found.parts) == (None, None, None, None)
    assert found.scatter > 0
    assert WHOLE in set(changes["name"])
