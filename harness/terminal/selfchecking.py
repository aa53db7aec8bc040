"""How a self-check goes on, and what it found."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from harness.engine.selfchecking.outcome import Checked
from harness.engine.selfchecking.running import Step
from harness.report import words
from harness.sessions.selfcheck import SelfCheck
from harness.terminal.answers import show_failure
from harness.terminal.console import answering, following


class CheckDisplay:
    """A line as each step begins; a `CheckObserver`."""

    def __init__(self) -> None:
        self._console = following()

    def step_began(self, step: Step, limit_s: float) -> None:
        if limit_s > 0:
            self._console.print(
                f"{step.name}: {escape(step.title)} (at most {limit_s:.0f} s)", soft_wrap=True
            )

    def step_done(self, checked: Checked) -> None:
        self._console.print(f"{checked.name}: {checked.outcome.state} after {checked.wall_s:.0f} s")


def show_selfcheck(found: SelfCheck) -> None:
    """One row a step, and where all of it lies."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("step", "result", "in one sentence"):
        table.add_column(heading, overflow="fold")
    for one in found.checked:
        table.add_row(one.name, one.outcome.state.value, escape(words.plain(one.outcome.sentence)))
    console = answering()
    console.print(table)
    console.print(f"folder: {escape(str(found.folder))}", soft_wrap=True)
    if found.drawn.page is not None:
        console.print(f"page: {escape(str(found.drawn.page))}", soft_wrap=True)
    show_failure(found.drawn)
