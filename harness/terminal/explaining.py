"""What an explanation shows on the terminal: a line a change, and at the end a table and some sentences."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from harness.analysis.closing import LEAST, MOST, Closing
from harness.analysis.explanation import explanation
from harness.report import exchange, words
from harness.report.sentences.why import HEADINGS, explained, told
from harness.sessions.explanation import Explanation
from harness.settings.config import Settings
from harness.settings.matches import Match
from harness.terminal.answers import show_failure, show_page, show_text
from harness.terminal.console import answering, following
from harness.work.changes import differences
from harness.work.contender import Contender
from harness.work.found import Change
from harness.work.records import Trial

# A file or a pipe counts as 80 columns wide, which would fold the intervals.
_TABLE_COLUMNS: Final = 140


class ExplainDisplay:
    """Follows an explanation; an `ExplainObserver`. Lines are written between matches only."""

    def __init__(
        self, a: Contender, b: Contender, settings: Settings, console: Console | None = None
    ) -> None:
        self._console = console or following()
        self._changes = len(differences(a, b))
        self._settings = settings
        self._begin_s = time.monotonic()

    def __enter__(self) -> Self:
        settings = self._settings
        threads = words.plural(settings.threads, "thread")
        self._console.print(
            f"{words.plural(self._changes, 'change')} and the whole a walk, {threads}, at most "
            f"{settings.replicates} walks, until what stays unexplained is known within {LEAST:.2f} to "
            f"{MOST:.2f} or {settings.budget_s:g} s are spent"
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def match_began(self, match: Match, *, spent_s: float, left_s: float | None) -> None:
        pass

    def turn_done(self, match: Match, *, done: int, rounds: int) -> None:
        pass

    def trial_done(self, trial: Trial) -> None:
        if trial.failure is not None:
            self._console.print(
                f"[bold]failed[/bold] {escape(trial.framework)}: {escape(trial.failure.kind)}: "
                f"{escape(trial.failure.reason)}"
            )

    def change_done(self, change: Change, *, done: int, legs: int) -> None:
        if change.train_ratio is None:
            return
        levels = "" if change.place == 0 else f", {change.level_before} → {change.level_after}"
        accuracies = (change.accuracy_before, change.accuracy_after)
        points = "" if None in accuracies else f", accuracy {' → '.join(map(words.share, accuracies))}"
        self._console.print(
            f"{time.monotonic() - self._begin_s:6.0f} s  walk {change.replicate + 1}, {done} of {legs}: "
            f"{escape(change.name)}{escape(levels)}: speed × {change.train_ratio:.3f}{points}",
            soft_wrap=True,
        )

    def walk_done(self, so_far: Closing) -> None:
        bounds = so_far.unexplained
        if bounds is None or bounds.low is None:
            return
        self._console.print(
            f"{time.monotonic() - self._begin_s:6.0f} s  {words.plural(so_far.walks, 'walk')}: unexplained × "
            f"{words.ratio(bounds.estimate)} ({words.interval(bounds.low, bounds.high)})",
            soft_wrap=True,
        )


def show_explanation(found: Explanation, results: Path, *, as_json: bool) -> None:
    """The sentences and the table, as the page gives them, and where the page is; or all as JSON."""
    if as_json:
        page = found.drawn.page
        show_text(exchange.as_json(exchange.explained(found.frames, results=results, page=page)))
        show_failure(found.drawn)
    else:
        _show(found)
    outcome = found.outcome
    following().print(
        f"explanation {found.run_id}: {outcome.trials_ok} trials ok, {outcome.trials_failed} failed; it "
        f"ended because {escape(outcome.stopped_because)}",
        soft_wrap=True,
    )


def _show(found: Explanation) -> None:
    console = answering()
    changes = found.frames.changes
    if not changes.empty:
        table = Table(box=None, header_style="bold", pad_edge=False)
        for heading in HEADINGS:
            table.add_column(heading, overflow="fold")
        for row in explanation(changes).to_dict("records"):
            table.add_row(*(escape(cell) for cell in told(row)))
        answering(max(console.width, _TABLE_COLUMNS)).print(table)
        for sentence in explained(changes):
            console.print(escape(sentence), soft_wrap=True)
    show_page(console, found.drawn)
