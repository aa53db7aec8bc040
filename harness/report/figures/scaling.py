"""How much of what so many workers could do they did: a row a case of several and framework."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from harness.report import style, words
from harness.report.figures.axes import grid


def efficiencies(found: pd.DataFrame) -> Figure:
    """`found` are rows of `sentences.scaling.scaled`; one without an interval is a mark alone."""
    rows = found.to_dict("records")
    figure, (axis,) = grid(1, height_in=0.9 + 0.3 * len(rows))
    places = range(len(rows))[::-1]
    axis.axvline(1, color=style.MUTED, linewidth=1)
    for place, row in zip(places, rows, strict=True):
        colour = style.colour(row["framework"])
        ends = [row["efficiency_low"], row["efficiency_high"]]
        axis.plot(ends, [place, place], color=colour, linewidth=1.8)
        axis.plot(row["efficiency"], place, style.marker(row["framework"]), color=colour, markersize=6)
    axis.set_xlim(0, 1.05 * max(1.0, found["efficiency_high"].fillna(found["efficiency"]).max()))
    axis.xaxis.set_major_formatter(PercentFormatter(1))
    axis.set_xlabel("efficiency: speed-up over how many more workers there are")
    axis.set_ylim(-0.6, len(rows) - 0.4)
    axis.set_yticks(places, [f"{words.framework(row['framework'])}, {row['label']}" for row in rows])
    axis.grid(visible=False, axis="y")
    axis.tick_params(axis="y", labelcolor=style.INK)
    return figure
