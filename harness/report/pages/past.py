"""Cases over many runs, in words and one page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from harness import __version__
from harness.analysis.history import FEWEST_RUNS, History
from harness.report import style, words
from harness.report.figures import timelines
from harness.report.pages import context
from harness.report.pages.context import Page, Section
from harness.report.sentences.ratios import Answer
from harness.report.sentences.unfinished import unfinished


def answers(past: History) -> list[Answer]:
    """A sentence a case: every shift that was found, or that there was none."""
    return [_answer(str(case_id), past) for case_id in past.points["case_id"].unique()]


def notes(past: History) -> list[str]:
    """What is not in the picture, and why."""
    said = []
    if past.left_out:
        said.append(
            f"{words.plural(past.left_out, 'run')} left out: measured on another machine or with other "
            "threads or frameworks than the latest."
        )
    return [*said, *unfinished(past.runs)]


def page(past: History, command: str) -> Page:
    """The history as a page, in the form of the page of a run: a section a case."""
    first, latest = past.runs.iloc[0], past.runs.iloc[-1]
    return Page(
        title="What has changed over time?",
        subject=f"{words.plural(len(past.runs), 'run')} from {first['started_at']:%Y-%m-%d} to "
        f"{latest['started_at']:%Y-%m-%d} on {words.plain(latest['cpu_model'])}.",
        answers=tuple(answers(past)),
        evaluation_answers=(),
        warnings=tuple(notes(past)),
        sections=tuple(_sections(past)),
        commands=(command,),
        commits=f"version {__version__}",
        footer=f"evenmatch {__version__}; {words.plural(len(past.runs), 'run')}",
    )


def _answer(case_id: str, past: History) -> Answer:
    found = past.shifts[past.shifts["case_id"] == case_id]
    own = past.points[past.points["case_id"] == case_id]
    runs = int(own["run_id"].nunique())
    if len(found):
        says = "; ".join(_shift(row, past) for row in found.to_dict("records"))
        sure = f"{words.plural(runs, 'run')}; each shift significant at 1 % by permutation of the runs"
    elif runs < FEWEST_RUNS:
        says = f"not searched: {words.plural(runs, 'run')}, and at least {FEWEST_RUNS} are needed"
        sure = "`harness compare` tells two runs apart"
    else:
        says = "no shift found"
        sure = f"{words.plural(runs, 'run')}; a series without a shift is said to have one once in a hundred"
    return Answer(where=words.plain(case_id), says=says, sure=sure, verdict=None)


def _shift(row: dict[Any, Any], past: History) -> str:
    run = past.runs[past.runs["run_id"] == row["run_id"]].iloc[0]
    return (
        f"{_subject(row['series'], past)} is {words.ratio(row['ratio'])} times what it was from run "
        f"{words.plain(row['run_id'])} ({run['started_at']:%Y-%m-%d}) on"
    )


def _sections(past: History) -> Iterator[Section]:
    days = {number: f"{start:%m-%d}" for number, start in enumerate(past.runs["started_at"], start=1)}
    for number, case_id in enumerate(past.points["case_id"].unique()):
        points = past.points[past.points["case_id"] == case_id]
        found = past.shifts[past.shifts["case_id"] == case_id]
        title = words.plain(case_id)
        intro = "A point a run: the mean of its replicates. A broken line marks where a shift was found."
        with style.theme():
            figure = timelines.over_runs(points, found, days, past.frameworks, past.ratios)
            svg = style.inline_svg(figure, style.laid_out(figure), f"case-{number}", title, intro)
        yield Section(name=f"case-{number}", title=title, intro=intro, svg=svg, table=_table(points, past))


def _subject(series: str, past: History) -> str:
    """What the values of a series are."""
    pair = past.ratios.get(series)
    return f"{words.framework(series)}'s speed" if pair is None else words.speed_over(pair)


def _table(points: pd.DataFrame, past: History) -> context.Table:
    said = points.assign(what=[_subject(series, past) for series in points["series"]])
    return context.table(
        "Every run",
        said,
        (("run", "run_id", None), ("of", "what", None), ("value", "value", words.number),
         ("replicates", "replicates", words.count)),
    )  # fmt: skip
