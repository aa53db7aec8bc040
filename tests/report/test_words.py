"""Names, numbers and text from outside, as they are printed."""

from __future__ import annotations

import math

import pytest

from harness.report import words


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.00123, "0.00123"), (9.999, "10.0"), (1234.5, "1,230"), (0, "0"), (None, "–"), (math.nan, "–")],
)
def test_numbers_keep_three_digits_and_missing_ones_are_a_dash(value, said):
    assert words.number(value) == said


def test_direction_marks_and_escape_sequences_appear_as_their_codes():
    assert words.plain("a\u202eb\x1b[0m") == r"a\u202eb\u001b[0m"


def test_text_from_outside_stays_on_one_line():
    assert words.plain("first\r\nsecond\tthird\u2028fourth") == "first  second third fourth"


def test_long_text_is_cut_and_says_how_long_it_was():
    said = words.plain("n" * 10_000)
    assert said.startswith("n" * words.LONGEST + "…")
    assert said.endswith("(10,000 characters)")
    assert words.plain("n" * 10_000, None) == "n" * 10_000


def test_markup_and_quotes_are_left_to_the_template():
    assert words.plain("<b>\"'&") == "<b>\"'&"


@pytest.mark.parametrize(
    ("case_ids", "names"),
    [
        ((), []),
        (("mnist-cpu-loop-fp32-b64-e1000",) * 2, [""]),
        (("mnist-cpu-loop-fp32-b64-e1000", "mnist-cpu-loop-fp32-b512-e1000"), ["batch 64", "batch 512"]),
        (
            ("mnist-cpu-loop-fp32-b64-e9-h32", "mnist-cpu-eager-fp32-b64-e9-h512x512"),
            ["loop, h32", "eager, h512x512"],
        ),
        (("mnist-cpu-loop-fp32-b64-e9", "mnist-cpu-loop-fp32-b64-e9-w2"), ["…-b64", "…-b64-w2"]),
    ],
)
def test_cases_of_a_calibration_are_told_by_what_tells_them_apart(case_ids, names):
    whole = [name.replace("…", "mnist-cpu-loop-fp32") for name in names]
    assert list(words.tried_apart(case_ids).values()) == whole
