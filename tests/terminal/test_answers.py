"""What a calibration says at its end."""

from __future__ import annotations

import pandas as pd
import pytest

from harness.sessions.calibration import Calibrated
from harness.terminal.answers import show_calibration
from tests.analysis.test_calibration import attempts


@pytest.fixture
def shown(monkeypatch, capsys):
    """Lines on standard output, of 80 columns, and the end of what stands on standard error."""
    monkeypatch.setenv("COLUMNS", "80")

    def of(tried, *, tries, interrupted=False):
        show_calibration(
            Calibrated(calibration_id="c1", attempts=tried, tries=tries, interrupted=interrupted)
        )
        printed = capsys.readouterr()
        return printed.out.splitlines(), printed.err

    return of


def test_several_cases_have_a_line_each_on_a_narrow_terminal(shown):
    cases = [f"mnist-cpu-loop-fp32-{batch}-e1000" for batch in ("b64", "b512")]
    tried = pd.concat(
        attempts(["equivalent", "inconclusive", "first faster"], case_id=case_id) for case_id in cases
    )
    lines, said = shown(tried, tries=3)
    assert lines[0].split() == ["case", "planted", "way", "tries", "wrong", "found", "open", "held", "±"]
    for line, batch in zip(lines[1:3], ("64", "512"), strict=True):
        assert line.split() == [
            "batch", batch, "0", "%", "taking", "turns", "3", "of", "20", "s", "1", "–", "1", "3", "2.0", "%",
        ]  # fmt: skip
    assert lines[3].startswith("Calibration at batch 64: of 3 comparisons")
    assert said == ""


def test_tries_that_were_left_out_are_counted(shown):
    _, said = shown(attempts(["equivalent"] * 2), tries=3)
    assert said == "calibration c1: 1 of 3 tries left out, for a trial of each failed\n"


def test_an_interrupted_one_says_how_many_tries_were_made(shown):
    lines, said = shown(attempts([]), tries=3, interrupted=True)
    assert (lines, said) == ([], "calibration c1: 0 of 3 tries made; it ended because it was interrupted\n")
