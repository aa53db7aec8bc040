"""Figures over runs: what changed between two, and a case over many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FuncFormatter, MaxNLocator

from harness.analysis.compare import Change
from harness.report import style, words

_WIDTH_IN: Final = 7.6

# A change reaches at least this far to both sides, in percent, so that noise does not look like news.
_LEAST_REACH_PERCENT: Final = 5.0

# Of the ratios of a case, each of two frameworks.
_RATIO_MARKERS: Final = ("s", "^", "v", "D", "o", "P")


def changes(rows: pd.DataFrame, margin: float = 0.03) -> Figure:
    """Change of each framework's speed with its interval; the band is the margin of equivalence.

    Every row has a ratio, an interval and a call; hollow marks are those that nothing is called of.
    """
    figure = Figure(figsize=(_WIDTH_IN, 0.75 + 0.3 * len(rows)), layout="constrained")
    axis = figure.subplots()
    places = np.arange(len(rows))[::-1]
    axis.axvspan(*_percent(np.array([1 / (1 + margin), 1 + margin])), color=style.BAND, zorder=0)
    axis.axvline(0, color=style.MUTED, linewidth=1)
    for place, row in zip(places, rows.to_dict("records"), strict=True):
        colour, marker = style.colour(row["framework"]), style.marker(row["framework"])
        low, middle, high = _percent(
            np.array([row["speed_ratio_low"], row["speed_ratio"], row["speed_ratio_high"]])
        )
        axis.plot([low, high], [place, place], color=colour, linewidth=1.8)
        hollow = style.PAPER if row["change"] == Change.INCONCLUSIVE else colour
        axis.plot(middle, place, marker, color=colour, markerfacecolor=hollow, markersize=6)
    bounds = _percent(rows[["speed_ratio_low", "speed_ratio_high"]].to_numpy())
    axis.set_xlim(
        1.06 * min(bounds.min(), -_LEAST_REACH_PERCENT), 1.06 * max(bounds.max(), _LEAST_REACH_PERCENT)
    )
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+g} %" if value else "0"))
    axis.set_xlabel("samples per second in B, compared with A")
    _name_rows(axis, places, rows)
    return figure


def _percent(ratios: np.typing.NDArray[np.float64]) -> np.typing.NDArray[np.float64]:
    return 100 * (ratios - 1)


def _name_rows(axis: Axes, places: np.typing.NDArray[np.int64], rows: pd.DataFrame) -> None:
    """Case, phase and framework at the left, the call at the right."""
    names = [
        f"{words.framework(row['framework'])} {row['phase']}, {row['label']}"
        for row in rows.to_dict("records")
    ]
    axis.set_ylim(-0.6, len(rows) - 0.4)
    axis.set_yticks(places, names)
    axis.grid(visible=False, axis="y")
    axis.tick_params(axis="y", labelcolor=style.INK)
    said = axis.secondary_yaxis("right")
    said.set_yticks(places, list(rows["change"]))
    said.tick_params(length=0, labelcolor=style.INK)
    said.spines["right"].set_visible(False)


def over_runs(
    points: pd.DataFrame,
    shifts: pd.DataFrame,
    days: Mapping[int, str],
    frameworks: Sequence[str],
    ratios: Mapping[str, tuple[str, str]],
) -> Figure:
    """One case over the runs: the speeds of the frameworks above, their ratios below, a line at each shift.

    `points` and `shifts` are rows of one case; these, `frameworks` and `ratios` are those of
    `analysis.history.History`. `days` names a run's number.
    """
    figure = Figure(figsize=(_WIDTH_IN, 4.2), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    for framework in frameworks:
        own = points[points["series"] == framework]
        line = above.plot(
            own["number"], own["value"], color=style.colour(framework), marker=style.marker(framework),
            markersize=4, linewidth=1.2, label=words.framework(framework),
        )  # fmt: skip
        line[0].set_dashes(style.dashes(framework) or ())
    for series, marker in zip(ratios, cycle(_RATIO_MARKERS), strict=False):
        ratio = points[points["series"] == series]
        told = f"{words.over(ratios[series])} (below)" if len(ratios) > 1 else None
        below.plot(
            ratio["number"], ratio["value"], color=style.INK, marker=marker, markersize=3.5, linewidth=1.2,
            label=told,
        )  # fmt: skip
    below.axhline(1, color=style.MUTED, linewidth=1)
    # What is said at a shift of each series stands above what is said of those before it.
    lines = {name: line for line, name in enumerate(frameworks)}
    lines |= {name: line for line, name in enumerate(ratios, start=1)}
    for shift in shifts.to_dict("records"):
        series = shift["series"]
        colour = style.INK if series in ratios else style.colour(series)
        _mark(below if series in ratios else above, shift, colour, round(0.02 + 0.1 * lines[series], 2))
    above.set_ylim(bottom=0)
    above.yaxis.set_major_formatter(EngFormatter(sep="\N{THIN SPACE}"))
    above.set_ylabel("samples per second")
    below.set_ylabel(words.over(next(iter(ratios.values()))) if len(ratios) == 1 else "ratios of speeds")
    below.xaxis.set_major_locator(MaxNLocator(7, integer=True))
    below.xaxis.set_major_formatter(FuncFormatter(lambda number, _: days.get(round(number), "")))
    figure.legend(ncols=2, loc="lower left", bbox_to_anchor=(0.0, 1.0))
    return figure


def _mark(axis: Axes, shift: Mapping[Any, Any], colour: str, height: float) -> None:
    """A line before the first run of the shift, with how large it is."""
    number, ratio = shift["number"], shift["ratio"]
    axis.axvline(number - 0.5, color=colour, linewidth=1.2, linestyle=(0, (3, 2)))
    axis.annotate(
        f"{100 * (ratio - 1):+.1f} %",
        (number - 0.5, height),
        xycoords=("data", "axes fraction"),
        xytext=(4, 0),
        textcoords="offset points",
        color=colour,
    )
