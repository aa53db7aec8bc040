"""What `harness compare` and `harness history` say: a table, or lines where it is too narrow for one."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

from harness.analysis.history import History
from harness.report import words
from harness.report.exchange import as_json, escaped, markdown
from harness.report.pages import comparison, past
from harness.report.pages.comparison import Comparison
from harness.report.pages.context import Table
from harness.sessions.drawing import Drawn
from harness.sessions.runs import Shown
from harness.terminal.answers import show_answers, show_failure, show_page, show_text
from harness.terminal.console import answering

# Narrower than this, a table of ten columns breaks its cells.
_ROOM_COLUMNS: Final = 100


def show_comparison(compared: Comparison, shown: Shown, drawn: Drawn) -> None:
    """The comparison in the form that was asked for."""
    if shown is Shown.JSON:
        show_text(as_json(comparison.document(compared)))
        show_failure(drawn)
    elif shown is Shown.MARKDOWN:
        show_text(_markdown(compared))
        show_failure(drawn)
    else:
        _table(compared, drawn)


def show_history(found: History, drawn: Drawn) -> None:
    """Every shift that was found, and where the figures are."""
    console = answering()
    show_answers(console, past.answers(found))
    for sentence in past.notes(found):
        console.print(escape(sentence))
    show_page(console, drawn)


def _table(compared: Comparison, drawn: Drawn) -> None:
    console = answering()
    for sentence in comparison.notes(compared):
        console.print(f"[bold]{escape(sentence)}[/bold]")
    show_answers(console, comparison.answers(compared))
    if console.width >= _ROOM_COLUMNS:
        console.print()
        console.print(_grid(comparison.table(compared)))
    _say_differences(console, comparison.differences(compared))
    limit = comparison.gate(compared)
    if limit:
        console.print(f"[bold]{escape(limit)}[/bold]")
    show_page(console, drawn)


def _markdown(compared: Comparison) -> str:
    run_a, run_b = (words.plain(one) for one in compared.ids)
    said = [f"Run B ({run_b}) against run A ({run_a}).", *comparison.notes(compared)]
    said += [f"{one.where}: {one.says}." for one in comparison.answers(compared)]
    limit = comparison.gate(compared)
    said += [limit] if limit else []
    tables = [markdown(comparison.table(compared)), markdown(comparison.differences(compared))]
    return "\n\n".join([*map(escaped, said), *tables])


def _say_differences(console: Console, found: Table) -> None:
    console.print()
    if not found.rows:
        console.print("Machine, versions, settings and environment are the same.")
        return
    console.print(f"{escape(found.caption)}:")
    for what, a, b in found.rows:
        console.print(f"  {escape(what)}: {escape(a)} → {escape(b)}")


def _grid(table: Table) -> Grid:
    grid = Grid(box=None, header_style="bold", pad_edge=False)
    for heading, numeric in zip(table.headers, table.numeric, strict=True):
        grid.add_column(heading, overflow="fold", justify="right" if numeric else "left")
    for row in table.rows:
        grid.add_row(*(escape(cell) for cell in row))
    return grid
