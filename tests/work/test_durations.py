"""How long something takes, in words."""

from __future__ import annotations

import pytest

from harness.work.durations import duration


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "0 s"),
        (45, "45 s"),
        (59.9, "1 min"),
        (60, "1 min"),
        (260, "4.33 min"),
        (99.9 * 60, "99.9 min"),
        (6000, "1.67 h"),
        (64_800, "18 h"),
        (1_080_000, "12.5 days"),
    ],
)
def test_a_duration_is_told_in_the_unit_that_keeps_it_short(seconds, words):
    assert duration(seconds) == words


def test_no_duration_needs_a_power_of_ten():
    assert not any("e" in duration(1.3**power) for power in range(60))
