"""What a command says at its end: the answer in words, tables, and where the rest is."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from harness.analysis.calibration import calibration
from harness.measure.doctor import Check
from harness.report import exchange, words
from harness.report.pages import context
from harness.report.sentences.answer import all_answers, learned
from harness.report.sentences.ratios import Answer
from harness.report.sentences.roofline import in_short
from harness.report.sentences.scaling import efficiency, milliseconds, scaled, speed_up
from harness.report.sentences.telling import calibrated, calibration_in_brief, control_told, told_apart
from harness.report.sentences.unfinished import going_on
from harness.sessions.bench import Run
from harness.sessions.calibration import Calibrated
from harness.sessions.drawing import Drawn
from harness.store.frames import Frames
from harness.store.inspection import Found
from harness.store.merging import Brought
from harness.terminal.console import answering, following
from harness.work.records import RunStatus
from harness.work.workload import Dataset

# With what is said after them, more would not fit on a screen of 24 lines.
_MOST_ANSWERS: Final = 4

# What a terminal has no room for in the head of a column.
_SHORT: Final = {"undecided": "open", "interval held": "held", "half-width": "±"}

# Where all ways met, three questions are answered, one of them for each framework.
_MOST_OF_WAYS: Final = 6


def show_calibration(found: Calibrated) -> None:
    """How often each way was wrong, what the project's own could tell apart, and what was left undone."""
    attempts = found.attempts
    if len(attempts):
        _show_attempts(attempts)
    made, planned = attempts["number"].nunique(), words.plural(found.tries, "try", "tries")
    if found.interrupted:
        why = f"{made} of {planned} made; it ended because it was interrupted"
    elif made < found.tries:
        why = f"{found.tries - made} of {planned} left out, for a trial of each failed"
    else:
        return
    following().print(f"calibration {found.calibration_id}: {why}", soft_wrap=True)


def _show_attempts(attempts: pd.DataFrame) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    cells = calibrated(calibration(attempts), shares=False)
    for name in cells:
        table.add_column(_SHORT.get(str(name), str(name)), overflow="fold")
    for row in cells.itertuples(index=False):
        table.add_row(*map(escape, row))
    console = answering()
    console.print(table)
    for sentence in told_apart(attempts):
        console.print(escape(sentence))


def show_run(run: Run, results: Path, *, as_json: bool) -> None:
    """The answer, as the page gives it, and where the page is; as JSON for other programs."""
    outcome = run.outcome
    _show(run.frames, run.drawn, results, as_json=as_json)
    following().print(
        f"run {run.run_id}: {outcome.trials_ok} trials ok, {outcome.trials_failed} failed; "
        f"it ended because {escape(outcome.stopped_because)}",
        soft_wrap=True,
    )
    if outcome.status is not RunStatus.FINISHED:
        (row,) = run.frames.runs.to_dict("records")
        following().print(f"go on with: {escape(going_on(row))}", soft_wrap=True)


def show_finished(frames: Frames, drawn: Drawn, results: Path, *, as_json: bool) -> None:
    """The answer of a run that was to go on and that misses nothing."""
    _show(frames, drawn, results, as_json=as_json)
    (run,) = frames.runs.to_dict("records")
    following().print(
        f"run {escape(run['run_id'])}: nothing is missing; it ended because "
        f"{escape(str(run['stopped_because']))}",
        soft_wrap=True,
    )


def _show(frames: Frames, drawn: Drawn, results: Path, *, as_json: bool) -> None:
    if as_json:
        show_text(exchange.as_json(exchange.document([frames], results=results, page=drawn.page)))
        show_failure(drawn)
    else:
        show_report(frames, drawn)


def show_text(text: str) -> None:
    """Text for another program, as it is: no wrapping, no colour, no markup."""
    sys.stdout.write(text)


def show_page(console: Console, drawn: Drawn) -> None:
    """Where the page is, or on standard error why there is none."""
    if drawn.page is not None:
        console.print(f"page: {escape(str(drawn.page))}", soft_wrap=True)
    show_failure(drawn)


def show_failure(drawn: Drawn) -> None:
    """One line where there should be a page and is none."""
    if drawn.failure is not None:
        following().print(escape(f"harness: {drawn.failure}"), soft_wrap=True)


def show_report(frames: Frames, drawn: Drawn) -> None:
    """The answer in words, as the page gives it, and where the page is."""
    console = answering()
    for warning in context.warnings(frames):
        console.print(escape(warning))
    found = all_answers(frames)
    most = _MOST_ANSWERS if frames.ways.empty else _MOST_OF_WAYS
    show_answers(console, found[:most])
    if len(found) > most:
        console.print(f"and {words.plural(len(found) - most, 'more answer')} on the page")
    if not frames.scaling.empty:
        _show_scaling(console, frames)
    for sentence in (
        learned(frames),
        *filter(None, [in_short(frames)]),
        control_told(frames),
        *calibration_in_brief(frames),
    ):
        console.print(escape(sentence))
    show_page(console, drawn)


def _show_scaling(console: Console, frames: Frames) -> None:
    """A row a case of several workers and framework."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("case", "framework", "speed-up", "efficiency", "beyond its share of a step"):
        table.add_column(heading, overflow="fold")
    for row in scaled(frames).to_dict("records"):
        table.add_row(
            escape(words.plain(row["label"])),
            escape(words.framework(row["framework"])),
            speed_up(row),
            efficiency(row),
            f"{milliseconds(row['beyond_share_s'])} of {milliseconds(row['step_s'])} ms",
        )
    console.print(table)


def show_answers(console: Console, found: Sequence[Answer]) -> None:
    """Each answer, and below it how sure that is."""
    for one in found:
        console.print(f"[bold]{escape(one.where)}: {escape(one.says)}.[/bold]")
        console.print(f"  {escape(one.sure)}")


def show_proofs(proofs: pd.DataFrame) -> None:
    """One row a certificate: does it hold, and if not, what was found."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("case", "framework", "certificate", "holds", "found"):
        table.add_column(heading, overflow="fold")
    for row in proofs.to_dict("records"):
        found = "" if row["holds"] else f"{row['failed_check']}: {row['reason']}"
        table.add_row(
            escape(row["case_id"]),
            escape(words.framework(row["framework"])),
            row["certificate_id"][:12],
            "yes" if row["holds"] else "no",
            escape(found),
        )
    answering().print(table)


def show_data(dataset: Dataset, root: Path) -> None:
    answering().print(f"{dataset.value}: verified in {escape(str(root))}")


def show_checks(checks: list[Check]) -> None:
    """One row a check; what is missing says what that disables."""
    table = Table(box=None, show_header=True, header_style="bold", pad_edge=False)
    for heading in ("", "check", "said", "disables"):
        table.add_column(heading, overflow="fold")
    for check in checks:
        mark = {"ok": "ok", "warn": "!", "missing": "--"}[check.state]
        table.add_row(mark, escape(check.name), escape(check.said), escape(check.disables or ""))
    answering().print(table)


def show_inspection(results: Path, found: Sequence[Found]) -> None:
    """A line a thing that is not as it should be, or that there is none."""
    for one in found:
        mark = "mended" if one.mended else "harm" if one.is_harm else "note"
        answering().print(f"{mark}: {escape(words.plain(one.says))}", soft_wrap=True)
    if not any(one.is_harm for one in found):
        answering().print(f"{escape(str(results))}: nothing that was measured is lost, double or unreadable")


def show_brought(brought: Sequence[Brought]) -> None:
    for one in brought:
        name = escape(one.run_id)
        answering().print(
            f"run {name}: {escape(one.says)}; `harness report {name}` draws its page", soft_wrap=True
        )


def show_published(told: str) -> None:
    following().print(f"published in {escape(told)}", soft_wrap=True)


def show_plan(plan_id: str, paths: Sequence[Path]) -> None:
    """The files of a plan for several hosts, and what is to be done with each."""
    example = escape(shlex.quote(str(paths[0])))
    answering().print(
        f"plan {plan_id}: {len(paths)} shard{'s' * (len(paths) != 1)} in {escape(str(paths[0].parent))}; on "
        f"a host each: `harness run-shard {example} --output FOLDER`, then `harness import FOLDER...` and "
        f"`harness report {plan_id}`",
        soft_wrap=True,
    )
