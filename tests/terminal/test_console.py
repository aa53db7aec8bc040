"""Where a command speaks: what a file, a full disk and a terminal without an encoding are given."""

from __future__ import annotations

import io
import sys

import pytest
from rich.console import Console

from harness.terminal import console
from harness.terminal.live import ProofDisplay
from harness.work.contender import Contender
from harness.work.workload import Case, Dataset, Mode, Workload

CASE = Case(workload=Workload(dataset=Dataset.SYNTHETIC, batch_size=100), device="cpu", mode=Mode.LOOP)
CONTENDER = Contender(framework="tensorflow", case=CASE)


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Full(io.StringIO):
    def write(self, text):
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("variable", ["FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"])
def test_a_file_is_not_drawn_over_whatever_is_asked_of_colours(monkeypatch, variable):
    monkeypatch.setenv(variable, "1")
    assert not console.redraws(Console(file=io.StringIO()))


def test_a_terminal_is_drawn_over_unless_it_is_dumb(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    assert console.redraws(Console(file=Terminal()))
    monkeypatch.setenv("TERM", "dumb")
    assert not console.redraws(Console(file=Terminal()))


def test_a_log_with_colours_has_the_plain_lines_and_no_bar(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    log = io.StringIO()
    with ProofDisplay(Console(file=log)) as display:
        display.proof_began(CONTENDER)
    assert f"proving that it does the case's work: TensorFlow, {CASE.id}" in " ".join(log.getvalue().split())
    assert "\x1b[?25l" not in log.getvalue()  # no hidden cursor, so nothing is redrawn
    assert "\r" not in log.getvalue()


def test_a_log_on_a_full_disk_loses_its_lines_and_nothing_else(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Full())
    with ProofDisplay() as display:
        display.proof_began(CONTENDER)


def test_without_a_standard_error_nothing_is_said(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    console.following().print("said to nobody")
