"""Each framework's ways beside its usual loop: a row a way, its ratio to the loop and the interval."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from harness.analysis.statistics import Verdict
from harness.report import style, words
from harness.report.figures.axes import grid
from harness.report.figures.speed import name_ends, ratio_axis


def ladder(rungs: pd.DataFrame, margin: float = 0.03) -> Figure:
    """`rungs` are the ratios of `analysis.ways` to a loop, labelled; one without an interval is a mark alone.

    A ratio that no verdict sets apart from 1 is drawn hollow; the band is the margin of equivalence.
    """
    rows = rungs.to_dict("records")
    figure, (axis,) = grid(1, height_in=0.75 + 0.3 * len(rows))
    places = np.arange(len(rows))[::-1]
    axis.axvspan(1 / (1 + margin), 1 + margin, color=style.BAND, zorder=0)
    axis.axvline(1, color=style.MUTED, linewidth=1)
    for place, row in zip(places, rows, strict=True):
        colour = style.colour(row["speed_of"])
        axis.plot(
            [row["speed_ratio_low"], row["speed_ratio_high"]], [place, place], color=colour, linewidth=1.8
        )
        hollow = style.PAPER if row["verdict"] == Verdict.INCONCLUSIVE else colour
        marker = style.marker(row["speed_of"])
        axis.plot(row["speed_ratio"], place, marker, color=colour, markerfacecolor=hollow, markersize=6)
    lows, highs = (
        rungs[name].fillna(rungs["speed_ratio"]) for name in ("speed_ratio_low", "speed_ratio_high")
    )
    ratio_axis(axis, lows.min(), highs.max())
    axis.set_xlabel("times as fast, or as slow, as the framework's own usual loop")
    name_ends(axis, "← slower", "faster →")
    axis.set_ylim(-0.6, len(rows) - 0.4)
    axis.set_yticks(
        places,
        [
            f"{words.framework(row['speed_of'])}, {words.executed(row['way_of'])}, {row['label']}"
            for row in rows
        ],
    )
    axis.grid(visible=False, axis="y")
    axis.tick_params(axis="y", labelcolor=style.INK)
    return figure
