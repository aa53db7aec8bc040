"""How fast: throughput in training and evaluation, and the ratio between the frameworks."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from harness.analysis.regions import deciding
from harness.report import figures, words
from harness.report.figures.heatmap import heatmap
from harness.report.pages import context
from harness.report.pages.context import Column, Section
from harness.report.pages.evidence import Evidence
from harness.report.pages.sections.drawing import CASE, JUDGED, by_framework, case_of, drawn, named
from harness.report.sentences.cases import describe, differing
from harness.work.records import Phase

# A map needs at least so many rows and columns.
_LEAST_GRID: Final = 2

_SPEED: Final[tuple[Column, ...]] = (
    *CASE,
    ("framework", "framework", words.framework),
    ("replicates", "replicates", words.count),
    ("median samples/s", "median", words.number),
    ("lowest", "lowest", words.number),
    ("highest", "highest", words.number),
)


def throughput(shown: Evidence, pictures: Path) -> Section:
    return _speeds(
        shown,
        pictures,
        name="throughput",
        column="train_samples_per_s",
        title="Training throughput",
        what="Samples per second while training",
    )


def evaluation(shown: Evidence, pictures: Path) -> Section:
    return _speeds(
        shown,
        pictures,
        name="evaluation",
        column="eval_samples_per_s",
        title="Evaluation throughput",
        what="Samples per second in passes over the test set, without dropout,",
    )


def _speeds(shown: Evidence, pictures: Path, *, name: str, column: str, title: str, what: str) -> Section:
    measured = shown.comparable[shown.comparable[column].notna()]
    one_batch = len(measured["batch_size"].unique()) == 1
    draw = figures.throughput_at_one_batch if one_batch else figures.throughput
    read = _read(one_batch=one_batch, points=len(measured) <= figures.MOST_POINTS)
    if figures.far_apart(measured, column):
        read += " The scale is logarithmic." if one_batch else " Each panel has a scale of its own."
    return drawn(
        pictures,
        name,
        title=title,
        intro=f"{what} {read}{shown.left_out}",
        reason=shown.nothing_to_draw or (None if len(measured) else "No trial reported its throughput."),
        draw=lambda: draw(measured, column),
        table=context.table(f"{title} of each case", by_framework(shown.ok, column), _SPEED),
    )


def _read(*, one_batch: bool, points: bool) -> str:
    """How a figure of throughput is to be read."""
    along = "at one batch size" if one_batch else "by batch size"
    each = "each point is one replicate" if points else "spread out from the lowest to the highest replicate"
    middle = "the bar marks their median" if one_batch else "the line runs through the medians"
    return f"{along}: {each} (the median of its rounds), {middle}. Higher is faster."


def ratio(shown: Evidence, pictures: Path) -> Section:
    judged = shown.judged[shown.judged["phase"] == Phase.TRAIN]
    proven = judged[judged["verdict"].notna()]
    drawable = proven[proven["speed_ratio_low"].notna()]
    reason = None
    if proven["speed_ratio"].isna().all():
        reason = f"No case has {'two' if shown.several else 'both'} frameworks measured and certified."
    elif drawable.empty:
        reason = "Too few replicates for an interval: a ratio alone would look surer than it is."
    return drawn(
        pictures,
        "ratio",
        title="The ratio between the frameworks",
        intro=f"How many times as fast one framework trains as {shown.other}. The mark is the estimate, the "
        "line its interval; the band holds differences too small to matter. A verdict needs the whole "
        "interval on one side, or inside the band.",
        reason=reason,
        draw=lambda: figures.ratios(drawable.assign(label=named(shown, drawable, "label"))),
        table=context.table(
            words.parted(shown.frameworks),
            judged,
            (*case_of(shown), *JUDGED),
        ),
    )


def overview(shown: Evidence, pictures: Path) -> Section:
    """All cases of a grid at a glance; one line or one column is better read in the figure of ratios.

    Lines are networks where there are several, else modes.
    """
    judged = deciding(shown.judged[shown.judged["phase"] == Phase.TRAIN])
    along = "hidden" if judged["hidden"].nunique() > 1 else "mode"
    apart, rows = [part for part in differing(judged) if part != along], judged.to_dict("records")
    judged = judged.assign(
        grid=[describe(case, apart) for case in rows], line=[describe(case, [along]) for case in rows]
    )
    sizes, lines = judged["batch_size"].nunique(), judged["line"].nunique()
    reason = shown.nothing_to_draw
    if reason is None and (sizes < _LEAST_GRID or lines < _LEAST_GRID):
        reason = (
            f"{words.plural(lines, 'mode')} and {words.plural(sizes, 'batch size')}: the figure above shows "
            "all there is. With several of both, or of networks, a map of the ratios stands here."
        )
    return drawn(
        pictures,
        "overview",
        title="Every case at a glance",
        intro=f"Which framework trains {'fastest' if shown.several else 'faster'} "
        f"{'with each network' if along == 'hidden' else 'in each mode'} at each batch size, and how many "
        f"times as fast{' as the next' if shown.several else ''}: the deeper the tint, the further apart. A "
        "cell without a tint has no faster side: equivalent, or not known, with the estimate in brackets.",
        reason=reason,
        draw=lambda: heatmap(judged),
        table=context.table(
            "Verdict of each case",
            judged,
            (*case_of(shown), ("ratio", "speed_ratio", words.ratio), ("verdict", "verdict", None)),
        ),
    )
