"""The ratio of every case of a grid at a glance: batch size by mode or network, each verdict in words."""

from __future__ import annotations

import math
from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from harness.analysis.statistics import Verdict
from harness.analysis.verdicts import winner
from harness.frameworks import registry
from harness.report import style, words

_WIDTH_IN: Final = 7.6
_ROW_IN: Final = 0.52

# A ratio of this or more has the deepest tint; text stays readable on it in both themes.
_DEEPEST: Final = 2.0
_MOST_TINT: Final = 0.45
_LEAST_TINT: Final = 0.08


def heatmap(judged: pd.DataFrame) -> Figure:
    """A panel a `grid`, a line a `line`, a column a batch size; tinted by how much faster the faster side is.

    `judged` has a row a case, as `answer.judge` gives it, and the columns `grid` with a panel's heading and
    `line` with what its lines are named by, from above.
    The verdict stands in words in each cell, so that nothing hangs on colour: where none was reached,
    or a certificate is wanting, the cell says so and has no tint.
    """
    grids = list(dict.fromkeys(judged["grid"]))
    rows = [judged.loc[judged["grid"] == grid, "line"].nunique() for grid in grids]
    figure = Figure(figsize=(_WIDTH_IN, sum(rows) * _ROW_IN + 0.75 * len(grids)), layout="constrained")
    axes = figure.subplots(len(grids), 1, squeeze=False, gridspec_kw={"height_ratios": rows}).ravel()
    for axis, grid in zip(axes, grids, strict=True):
        _panel(axis, judged[judged["grid"] == grid])
        axis.set_title(grid)
    return figure


def _panel(axis: Axes, cases: pd.DataFrame) -> None:
    lines, sizes = list(dict.fromkeys(cases["line"])), sorted(set(cases["batch_size"]))
    for case in cases.to_dict("records"):
        _cell(axis, sizes.index(case["batch_size"]), len(lines) - 1 - lines.index(case["line"]), case)
    axis.set_xlim(-0.5, len(sizes) - 0.5)
    axis.set_ylim(-0.5, len(lines) - 0.5)
    axis.set_xticks(range(len(sizes)), [f"{size:,}" for size in sizes])
    axis.set_yticks(range(len(lines)), lines[::-1])
    axis.tick_params(axis="both", length=0)
    axis.tick_params(axis="y", labelcolor=style.INK)
    axis.set_xlabel("batch size")
    axis.grid(visible=False)
    for spine in axis.spines.values():
        spine.set_visible(False)


def _cell(axis: Axes, column: int, row: int, case: dict[Any, Any]) -> None:
    says, faster = told(case)
    ratio = case["speed_ratio"]
    axis.add_patch(
        Rectangle((column - 0.47, row - 0.45), 0.94, 0.9, facecolor=style.BAND, edgecolor=style.LINE, lw=0.6)
    )
    if faster is not None:
        depth = min(1.0, abs(math.log(ratio)) / math.log(_DEEPEST))
        axis.add_patch(
            Rectangle(
                (column - 0.47, row - 0.45), 0.94, 0.9,
                facecolor=style.colour(faster), alpha=_LEAST_TINT + depth * (_MOST_TINT - _LEAST_TINT), lw=0,
            )
        )  # fmt: skip
    axis.text(column, row, says, ha="center", va="center", fontsize=8, linespacing=1.25, color=style.INK)


def told(case: dict[Any, Any]) -> tuple[str, str | None]:
    """What a cell says, and which framework was called faster, if one was."""
    ratio = case["speed_ratio"]
    if pd.isna(case["verdict"]):
        return "no certificate", None
    if pd.isna(case["speed_ratio_low"]):
        return "too few\nreplicates", None
    faster = winner(case["verdict"])
    if faster is not None:
        times = ratio if faster == case["speed_of"] else 1 / ratio
        return f"{words.framework(faster)}\n{words.ratio(times)}×", faster
    said = "equivalent" if case["verdict"] == Verdict.EQUIVALENT else "not known"
    times, ahead = (ratio, case["speed_of"]) if ratio >= 1 else (1 / ratio, case["speed_over"])
    return f"{said}\n({words.plain(registry.short(ahead))} {words.ratio(times)}×)", None
