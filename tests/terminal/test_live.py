"""What a run says as it goes on."""

from __future__ import annotations

import io
import time

import pytest
from rich.console import Console

from harness.engine.foresight import Need
from harness.parity.certificate import Certificate
from harness.settings import config
from harness.settings.grid import plan
from harness.settings.matches import between
from harness.terminal.live import CalibrationDisplay, ProofDisplay, RunDisplay
from tests.terminal.test_console import Terminal


@pytest.fixture
def said(tmp_path):
    """What the display of a run of two cases prints when it is told that its budget is short."""

    def of(need):
        console = Console(file=io.StringIO(), width=200)
        planned = plan(config.resolve({"batch_size": "64,512"}, {}, tmp_path))
        RunDisplay(planned, console=console).falls_short(need, 240.0)
        return console.file.getvalue()

    return of


def test_a_budget_too_small_for_verdicts_is_said_with_what_would_do(said):
    line = said(Need(cases=2, within=None, replicates=5, needs_s=420.0))
    assert line.endswith(
        "the budget of 4 min is short: a verdict in 2 cases takes about 5 replicates each, 7 min in all\n"
    )


def test_a_budget_too_small_to_know_as_wanted_is_said_with_what_would_do(said):
    line = said(Need(cases=1, within=0.03, replicates=40, needs_s=600.0))
    assert "is short: 1 case known within 3 % takes about 40 replicates each, 10 min in all, and more" in line
    assert line.endswith("than REPLICATES=20 allows\n")


@pytest.mark.parametrize("display", [ProofDisplay, RunDisplay])
def test_certificates_are_counted_before_a_run_and_on_its_way(tmp_path, monkeypatch, display):
    monkeypatch.setenv("TERM", "xterm")
    console = Console(file=Terminal(), width=150)
    planned = plan(config.resolve({"batch_size": "64"}, {}, tmp_path))
    given = {"plan": planned} if display is RunDisplay else {}
    (one,) = planned.cases
    with display(**given, console=console) as shown:
        shown.proofs_begin(4)
        shown.proof_done(
            Certificate(id="c", case=one, framework="pytorch", findings=(), wall_s=1.0), reused=False
        )
        shown.proof_began(planned.contenders()[0])
    assert "proving TensorFlow" in console.file.getvalue()
    assert "1 of 4 certificates" in console.file.getvalue()


def test_all_that_is_said_of_a_run_has_the_clock_of_its_budget(tmp_path, monkeypatch):
    console = Console(file=io.StringIO(), width=200)
    planned = plan(config.resolve({"batch_size": "64"}, {}, tmp_path))
    display = RunDisplay(planned, console=console)
    now_s = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now_s + 500.0)
    # Earlier sittings have spent 90 s, and of this one's 500 s proofs took 400.
    display.match_began(between(planned.cases[0], 0), spent_s=190.0, left_s=None)
    display.falls_short(Need(cases=1, within=None, replicates=6, needs_s=420.0), 240.0)
    match, short = console.file.getvalue().splitlines()
    assert match.split("  ")[0].strip() == short.split("  ")[0].strip() == "3.17 min"


@pytest.mark.parametrize(
    ("tries", "tried"),
    [("1", "1 try each, of TensorFlow,"), ("2", "2 tries each, of TensorFlow and PyTorch,")],
)
def test_a_calibration_says_whom_it_tries_and_whom_it_has_too_few_tries_for(tries, tried, tmp_path):
    console = Console(file=io.StringIO(), width=200)
    with CalibrationDisplay(plan(config.resolve({"tries": tries}, {}, tmp_path)), console=console):
        pass
    assert tried in console.file.getvalue()
