"""The figure of an explanation: from one program to the other, change by change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import EngFormatter, NullLocator, PercentFormatter

from harness.analysis.explanation import FRAMEWORK, TYPED, UNEXPLAINED
from harness.report import style, words
from harness.report.sentences.why import ends
from harness.work.changes import WHOLE

_COLOURS: Final = {FRAMEWORK: style.PARTS[3], TYPED: style.PARTS[1], UNEXPLAINED: style.BAND}
_ROW_IN: Final = 0.33
_WIDTH_IN: Final = 7.6

# A speed axis that spans more than this is marked at powers of ten alone.
_WIDE: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scale:
    """How a measure adds up along the way: from `start`, by `then` a step; `said` is a step's label."""

    measure: str
    start: float
    then: Callable[[Any, Any], Any]
    said: Callable[[Any], str]


def waterfall(rows: pd.DataFrame, changes: pd.DataFrame) -> Figure:
    """Speed and accuracy on the way from one end to the other, with each change's interval.

    `rows` is what `explanation` makes of `changes`. Where no accuracy is known its panel is left out.
    """
    whole = changes[changes["name"] == WHOLE]
    scales = [
        _Scale(
            measure="speed",
            start=float(whole["train_samples_per_s_before"].median()),
            then=lambda level, factor: level * factor,
            said=lambda factor: f"× {factor:.2f}",
        ),
        _Scale(
            measure="accuracy",
            start=float(whole["accuracy_before"].mean()),
            then=lambda level, difference: level + difference,
            said=words.points,
        ),
    ]
    (whole_gap,) = rows[rows["name"] == WHOLE].to_dict("records")
    drawn = [scale for scale in scales if not np.isnan(scale.start)]
    steps = _steps(rows)
    first, last = ends(changes)
    height_in = 0.9 + _ROW_IN * (len(steps) + 2)
    figure = Figure(figsize=(_WIDTH_IN, height_in), layout="constrained")
    axes = figure.subplots(1, len(drawn), squeeze=False, sharey=True).ravel()
    for axis, scale in zip(axes, drawn, strict=True):
        _draw(axis, steps, whole_gap, scale)
    _speed_axis(axes[0])
    if len(drawn) > 1:
        axes[1].xaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0, symbol=" %"))
        axes[1].set_xlabel("test accuracy")
    names = [first, *(_named(row) for row in steps.to_dict("records")), f"{last}, measured directly"]
    axes[0].set_yticks(range(len(names))[::-1], names)
    axes[0].tick_params(axis="y", labelcolor=style.INK)
    handles = [Patch(facecolor=colour, edgecolor=style.MUTED) for colour in _COLOURS.values()]
    figure.legend(handles, list(_COLOURS), ncols=3, loc="lower left", bbox_to_anchor=(0.0, 1.0))
    return figure


def _steps(rows: pd.DataFrame) -> pd.DataFrame:
    """The framework's own changes, then what was typed, each by size, and what is left."""
    parts = [rows[rows["part"] == part] for part in (FRAMEWORK, TYPED)]
    return pd.concat([*parts, rows[rows["name"] == UNEXPLAINED]])


def _named(row: dict[Any, Any]) -> str:
    if row["name"] == UNEXPLAINED:
        return UNEXPLAINED
    return f"{row['name']}: {words.plain(row['level_before'])} → {words.plain(row['level_after'])}"


def _draw(axis: Axes, steps: pd.DataFrame, whole: dict[Any, Any], scale: _Scale) -> None:
    level, top = scale.start, len(steps) + 1
    axis.plot(level, top, "o", color=style.INK)
    for place, row in zip(range(top - 1, 0, -1), steps.to_dict("records"), strict=True):
        change = row[scale.measure]
        if np.isnan(change):
            continue
        after = scale.then(level, change)
        colour = _COLOURS[UNEXPLAINED if pd.isna(row["part"]) else row["part"]]
        axis.barh(
            place, after - level, left=level, height=0.6, color=colour, edgecolor=style.MUTED, linewidth=0.5
        )
        reach = [scale.then(level, row[f"{scale.measure}{bound}"]) for bound in ("_low", "_high")]
        axis.plot(reach, [place, place], color=style.INK, linewidth=1.2)
        axis.annotate(
            scale.said(change),
            (max(level, after, *np.nan_to_num(reach)), place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            color=style.MUTED,
        )
        axis.plot([after, after], [place, place - 1], color=style.LINE, linewidth=0.8, zorder=0)
        level = after
    axis.plot(scale.then(scale.start, whole[scale.measure]), 0, "D", color=style.INK)
    axis.set_ylim(-0.6, top + 0.6)
    axis.grid(visible=False, axis="y")
    axis.margins(x=0.16)


def _speed_axis(axis: Axes) -> None:
    axis.set_xscale("log")
    low, high = axis.get_xlim()
    # Half a dozen labels fit, no more.
    digits = (1, 2, 5) if high / low < _WIDE else (1,)
    marks = [digit * 10**power for power in range(8) for digit in digits]
    axis.set_xticks([mark for mark in marks if low <= mark <= high])
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(EngFormatter(sep="\N{THIN SPACE}"))
    axis.set_xlabel("training samples per second")
