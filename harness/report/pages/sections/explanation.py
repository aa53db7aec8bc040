"""Why two programs differ: the way from one to the other, change by change."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from harness.analysis.explanation import explanation
from harness.report import words
from harness.report.figures.waterfall import waterfall
from harness.report.pages import context
from harness.report.pages.context import Section
from harness.report.pages.sections.drawing import drawn
from harness.report.sentences.why import HEADINGS, ends, explained, told
from harness.work.changes import WHOLE


def why(changes: pd.DataFrame, pictures: Path, *, summed_up: bool = True) -> Section:
    """One explanation, of one change at least; not `summed_up` where the page has said its sentences."""
    rows = explanation(changes)
    cells = pd.DataFrame([told(row) for row in rows.to_dict("records")], columns=list(HEADINGS))
    measured = rows.loc[rows["name"] == WHOLE, "speed"].notna().any()
    return drawn(
        pictures,
        "explanation",
        title="Why two programs differ",
        intro=_intro(changes),
        points=tuple(explained(changes)) if summed_up else (),
        reason=None if measured else "No walk has both ends measured.",
        draw=lambda: waterfall(rows, changes),
        table=context.table(
            "What each change does: factors and points with their 95 % intervals over walks",
            cells,
            tuple((heading, heading, None) for heading in HEADINGS),
        ),
    )


def _intro(changes: pd.DataFrame) -> str:
    walks = int(changes["replicate"].nunique())
    whole = changes[changes["name"] == WHOLE]
    between = f"From {' to '.join(ends(changes))}" if len(whole) else "From one program to the other"
    failed = int(changes["failure_reason"].notna().sum())
    said = (
        f"{between}, one change at a time: {words.plural(walks, 'walk')}, each in an order of its own, "
        f"{_together(changes)}. A bar is a change's mean over the walks, the line its interval; "
        "what a change does can depend on what was changed before: the table has the range. "
        "No certificate stands behind this: the two programs do different work, and no verdict is given."
    )
    return f"{said} {words.plural(failed, 'change')} failed." if failed else said


def _together(changes: pd.DataFrame) -> str:
    """Who took turns with whom; until schema 4 each change was measured by itself."""
    parts = changes["parts"].max()
    if pd.isna(parts):
        return "each change measured by itself, by two processes that take turns"
    if parts == 1:
        return "all programs on its way taking turns in one match"
    return (
        f"its programs taking turns in {words.count(parts)} matches, as memory does not hold them all at once"
    )
