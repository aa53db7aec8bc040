"""What figures share: panels, rows, legends, and axes that are read at a glance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, NullLocator

from harness.frameworks import registry
from harness.report import style, words

_WIDTH_IN: Final = 7.6

# Where a logarithmic axis spans more than this factor, the decades alone are marked.
_WIDE: Final = 60


def grid(panels: int, *, height_in: float, share_y: bool = False) -> tuple[Figure, list[Axes]]:
    columns = min(panels, 3)
    rows = -(-panels // columns)
    figure = Figure(figsize=(_WIDTH_IN, height_in * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharey=share_y).ravel()
    for spare in axes[panels:]:
        spare.set_visible(False)
    return figure, list(axes[:panels])


def rows_of(trials: pd.DataFrame) -> list[tuple[str, str]]:
    """Panel and framework of each row of a figure that has one row for each, from the top."""
    found = set(zip(trials["panel"], trials["framework"], strict=True))
    panels, frameworks = dict.fromkeys(trials["panel"]), frameworks_of(trials)
    return [(panel, name) for panel in panels for name in frameworks if (panel, name) in found]


def frameworks_of(rows: pd.DataFrame) -> list[str]:
    """The frameworks that have any row, in the order in which they are listed."""
    return registry.in_order(rows["framework"].unique())


def name_rows(axis: Axes, order: list[tuple[str, str]]) -> list[int]:
    """Name the rows at the left; their heights on the axis."""
    places = list(range(len(order)))[::-1]
    axis.set_yticks(places, [f"{words.framework(name)}, {panel}" for panel, name in order])
    axis.set_ylim(-0.6, len(order) - 0.4)
    axis.tick_params(axis="y", labelcolor=style.INK)
    axis.grid(visible=False, axis="y")
    return places


def framework_legend(figure: Figure, frameworks: Sequence[str]) -> None:
    axis = figure.axes[0]
    marks = [axis.plot([], [], style.marker(name), color=style.colour(name))[0] for name in frameworks]
    legend(figure, frameworks, marks)


def legend(figure: Figure, frameworks: Sequence[str], handles: Sequence[Artist]) -> None:
    """The frameworks' names above the panels, each by the mark that stands for it there."""
    names = [words.framework(name) for name in frameworks]
    figure.legend(handles, names, ncols=len(names), loc="lower left", bbox_to_anchor=(0.0, 1.0))


def thousands() -> EngFormatter:
    return EngFormatter(sep="\N{THIN SPACE}")


def logarithmic(axis: Axes, low: float, high: float) -> None:
    """A logarithmic scale along x, with room at both ends and few marks; a form for these is not set."""
    axis.set_xscale("log")
    axis.set_xlim(low / 1.4, high * 1.4)
    axis.xaxis.set_major_locator(LogLocator(subs=(1,) if high / low > _WIDE else (1, 2, 5)))
    axis.xaxis.set_minor_locator(NullLocator())


def thin(values: list[int], most: int = 8) -> list[int]:
    return values if len(values) <= most else values[:: -(-len(values) // most)]
