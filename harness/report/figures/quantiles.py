"""Figures with a row for each case and framework, named at its left, and values along it."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from harness.analysis.intervals import FloatArray
from harness.analysis.time_to_accuracy import Outcome
from harness.report import style, words
from harness.report.figures.axes import logarithmic

# Percentiles of a latency, as columns hold them in seconds, each with its mark.
PERCENTILES: Final = {"p50_s": "o", "p95_s": "|", "p99_s": ">"}

_WIDTH_IN: Final = 7.6


def seconds_to_accuracy(sides: pd.DataFrame) -> Figure:
    """Training seconds to the target: a mark at the mean, a line over the interval, words at the right.

    `sides` has the columns of `analysis.time_to_accuracy` and a `label`; at least one row has `seconds`.
    A hollow mark has no interval.
    """
    figure, (axis,) = _row_panels(sides, 1)
    places = dict(zip(sides.index, axis.get_yticks(), strict=True))
    for number, row in sides.iterrows():
        place, colour = places[number], style.colour(row["framework"])
        axis.plot([row["seconds_low"], row["seconds_high"]], [place, place], color=colour, linewidth=1.8)
        axis.plot(
            row["seconds"], place, style.marker(row["framework"]), color=colour, markersize=6,
            markerfacecolor=style.PAPER if pd.isna(row["seconds_low"]) else colour,
        )  # fmt: skip
    axis.set_xlim(0, 1.06 * np.nanmax(_floats(sides, ["seconds", "seconds_high"])))
    axis.set_xlabel("seconds of training")
    said = axis.secondary_yaxis("right")
    said.set_yticks(list(places.values()), [_said(row) for _, row in sides.iterrows()])
    said.tick_params(length=0, labelcolor=style.INK)
    said.spines["right"].set_visible(False)
    return figure


def latencies(calls: pd.DataFrame) -> Figure:
    """Percentiles of the time of one prediction on a shared log axis, a panel for each way of asking.

    `calls` has the columns `label`, `framework`, `asked` (the panel's title) and `PERCENTILES`, one row
    each; at least one value is there.
    """
    rows = calls[["label", "framework"]].drop_duplicates()
    panels = list(dict.fromkeys(calls["asked"]))
    figure, axes = _row_panels(rows, len(panels))
    places = dict(zip(zip(rows["label"], rows["framework"], strict=True), axes[0].get_yticks(), strict=True))
    values_s = _floats(calls, list(PERCENTILES))
    for axis, panel in zip(axes, panels, strict=True):
        for _, row in calls[calls["asked"] == panel].iterrows():
            _percentiles(axis, places[row["label"], row["framework"]], row)
        _log_seconds(axis, np.nanmin(values_s), np.nanmax(values_s))
        axis.set_title(panel)
    marks = [
        axes[0].plot([], [], marker, color=style.INK, markersize=_size(marker))[0]
        for marker in PERCENTILES.values()
    ]
    names = [name.removesuffix("_s") for name in PERCENTILES]
    figure.legend(marks, names, ncols=len(names), loc="lower left", bbox_to_anchor=(0.0, 1.0))
    return figure


def _said(row: pd.Series) -> str:
    """What came of one case and framework, in words."""
    if pd.isna(row["outcome"]):
        return "not measured"
    if pd.isna(row["seconds"]):
        return str(row["outcome"])
    seconds = f"{words.number(row['seconds'])} s"
    return seconds if row["outcome"] == Outcome.REACHED else f"{seconds}, {row['outcome']}"


def _percentiles(axis: Axes, place: float, row: pd.Series) -> None:
    """A line from the first percentile to the last with a mark at each; words where there are none."""
    if row[list(PERCENTILES)].isna().all():
        axis.text(
            0.02, place, "not measured", transform=axis.get_yaxis_transform(), va="center", color=style.MUTED
        )
        return
    colour = style.colour(row["framework"])
    axis.plot(row[list(PERCENTILES)], [place] * len(PERCENTILES), color=colour, linewidth=1.4)
    for name, marker in PERCENTILES.items():
        axis.plot(row[name], place, marker, color=colour, markersize=_size(marker), markeredgewidth=1.6)


def _floats(frame: pd.DataFrame, columns: list[str]) -> FloatArray:
    return frame[columns].to_numpy(dtype=np.float64)


def _size(marker: str) -> int:
    return 12 if marker == "|" else 5


def _row_panels(rows: pd.DataFrame, panels: int) -> tuple[Figure, list[Axes]]:
    """Panels side by side that share the rows: each has a tick, the first of `rows` at the top."""
    figure = Figure(figsize=(_WIDTH_IN, 0.75 + 0.36 * len(rows)), layout="constrained")
    axes = list(figure.subplots(1, panels, squeeze=False, sharey=True)[0])
    names = zip(rows["framework"], rows["label"], strict=True)
    axes[0].set_yticks(
        np.arange(len(rows))[::-1], [f"{words.framework(framework)}, {label}" for framework, label in names]
    )
    axes[0].set_ylim(-0.6, len(rows) - 0.4)
    for axis in axes:
        axis.tick_params(axis="y", labelcolor=style.INK)
        axis.grid(visible=False, axis="y")
    return figure, axes


def _log_seconds(axis: Axes, low_s: float, high_s: float) -> None:
    """A log axis, its marks in the unit that fits each."""
    logarithmic(axis, low_s, high_s)
    axis.xaxis.set_major_formatter(EngFormatter(unit="s", sep="\N{THIN SPACE}"))
    axis.set_xlabel("time of one prediction")
