"""What sections share: a figure with its numbers, and the columns that name a case and judge it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pandas as pd

from harness.report import style, words
from harness.report.pages.context import Column, Section, Table
from harness.report.pages.evidence import Evidence

CASE: Final[tuple[Column, ...]] = (("case", "label", None),)
TRIAL: Final[tuple[Column, ...]] = (
    *CASE,
    ("framework", "framework", words.framework),
    ("replicate", "replicate", words.count),
)
JUDGED: Final[tuple[Column, ...]] = (
    ("replicates", "replicates", words.count),
    ("ratio", "speed_ratio", words.ratio),
    ("from", "speed_ratio_low", words.ratio),
    ("to", "speed_ratio_high", words.ratio),
    ("verdict", "verdict", None),
    ("why", "reason", None),
)
_PAIR: Final[tuple[Column, ...]] = (
    ("speed of", "speed_of", words.framework),
    ("over that of", "speed_over", words.framework),
)


def case_of(shown: Evidence) -> tuple[Column, ...]:
    """The columns that tell verdicts apart: the case, and of several frameworks whose speed is over whose."""
    return (*CASE, *_PAIR) if shown.several else CASE


def named(shown: Evidence, judged: pd.DataFrame, column: str) -> list[str]:
    """What verdicts are called: by this column and, of several frameworks, by whose speed is over whose."""
    names = [str(name) for name in judged[column]]
    if not shown.several:
        return names
    over = map(words.over, zip(judged["speed_of"], judged["speed_over"], strict=True))
    return [f"{name}, {told}" if name else told for name, told in zip(names, over, strict=True)]


def drawn(
    pictures: Path,
    name: str,
    *,
    title: str,
    intro: str,
    reason: str | None,
    draw: style.Drawing,
    table: Table,
    points: tuple[str, ...] = (),
) -> Section:
    """Draw unless there is a reason not to; then no picture of an earlier page stays behind either."""
    picture = pictures / f"{name}.png"
    picture.unlink(missing_ok=True)
    svg = None
    if reason is None:
        with style.theme():
            figure = draw()
            box = style.laid_out(figure)
            svg = style.inline_svg(figure, box, name, title, intro)
            figure.savefig(picture, dpi=120, facecolor="white", bbox_inches=box)
    return Section(name=name, title=title, intro=intro, points=points, svg=svg, reason=reason, table=table)


def by_framework(trials: pd.DataFrame, column: str) -> pd.DataFrame:
    """One row a case and framework: how many replicates, and their median, lowest and highest value."""
    values = trials.groupby(["label", "framework"], sort=False)[column]
    return values.agg(replicates="count", median="median", lowest="min", highest="max").reset_index()
