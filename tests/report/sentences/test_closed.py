"""Whether an explanation closes, in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.analysis.closing import Closing
from harness.analysis.intervals import Interval
from harness.report.sentences.closed import as_fields, closed


def interval(low, high):
    return Interval(estimate=(low * high) ** 0.5, low=low, high=high, confidence=0.95, replicates=6)


SURE = Closing(
    walks=6,
    broken=0,
    parts=1,
    turns=6.0,
    walk_s=90.0,
    unexplained=interval(0.98, 1.04),
    whole=interval(2.9, 3.1),
    scatter=0.031,
    turn_noise=0.02,
    process_noise=0.024,
    needed=5,
)
UNSURE = replace(SURE, unexplained=interval(0.91, 1.08), scatter=0.08, needed=13)


def test_one_that_closes_says_so_and_no_more():
    assert closed(SURE, turned=False) == (
        "The unexplained factor's interval, 0.98 to 1.04 after 6 walks, lies inside 0.95 to 1.05."
    )


def test_seen_from_the_other_end_the_bounds_are_turned():
    assert "0.96 to 1.02 after 6 walks" in closed(SURE, turned=True)


def test_one_that_does_not_says_which_noise_kept_it_and_what_would_be_needed():
    assert closed(UNSURE, turned=False) == (
        "The unexplained factor's interval, 0.91 to 1.08 after 6 walks, is not shown to lie inside 0.95 to "
        "1.05. What kept it from that: what one walk leaves unexplained scatters by 8.0 %: single turns (6 a "
        "walk) make 2.0 % of noise, the speeds that processes are born with 2.4 %. About 13 walks that "
        "scatter alike would do: BUDGET=1170 seconds."
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"walks": 3}, "3 whole walks, where at least 6 are needed"),
        ({"broken": 2}, "2 walks without all programs, as some failed"),
        ({"parts": 2}, "memory split a walk into 2 matches"),
        ({"turn_noise": None, "process_noise": None}, "scatters by 8.0 %. About"),
    ],
)
def test_whatever_kept_it_is_named(given, said):
    assert said in closed(replace(UNSURE, **given), turned=False)


def test_one_walk_bounds_nothing_and_tells_its_turns_and_how_long_six_take():
    found = replace(UNSURE, walks=1, unexplained=None, scatter=None, process_noise=None, needed=None)
    assert closed(found, turned=False) == (
        "The unexplained factor's interval is not shown to lie inside 0.95 to 1.05. What kept it from that: "
        "1 whole walk, where at least 6 are needed; single turns (6 a walk) make 2.0 % of noise. At 90 s a "
        "walk, 6 need at least BUDGET=540 seconds."
    )


def test_where_the_noise_is_small_and_the_middle_off_no_walks_are_promised():
    said = closed(replace(UNSURE, unexplained=interval(1.04, 1.09), needed=5), turned=False)
    assert said.endswith(
        "Its middle is off 1 by more than this noise makes, so more walks alone may not help."
    )


def test_noise_beyond_a_thousand_walks_is_told_without_a_number():
    assert closed(replace(UNSURE, needed=None), turned=False).endswith("born with 2.4 %.")


def test_a_whole_that_is_known_less_closely_is_told():
    said = closed(replace(SURE, whole=interval(2.5, 3.6), needed=20), turned=False)
    assert "lies inside 0.95 to 1.05, but the whole, 2.50 to 3.60, is not known as closely" in said
    assert "About 20 walks" in said


def test_other_programs_are_told_the_same():
    fields = as_fields(UNSURE)
    assert (fields["closes"], fields["walks"], fields["walks_needed"]) == (False, 6, 13)
