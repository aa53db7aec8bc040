"""How often each way of judging is wrong."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from harness.analysis.usual import IN_TURNS
from harness.report import style, words
from harness.report.figures.axes import grid


def false_alarms(summed: pd.DataFrame) -> Figure:
    """Share of tries in which a framework was called different from itself, by way, with exact intervals.

    `summed` holds rows of `calibration` where nothing was planted; tries of several lengths, numbers of
    matches and cases are rows apart.
    """
    names = words.tried_apart(summed["case_id"])
    told = (
        (words.way(row["way"]), words.try_length(row["try_s"], row["replicates"]), names[row["case_id"]])
        for row in summed.to_dict("records")
    )
    labels = [", ".join(filter(None, one)) for one in told]
    figure, (axis,) = grid(1, height_in=0.75 + 0.3 * len(summed))
    places = np.arange(len(summed))[::-1]
    axis.axvline(0.05, color=style.MUTED, linewidth=1)
    for place, row in zip(places, summed.to_dict("records"), strict=True):
        own = row["way"] == IN_TURNS
        reach = [row["wrong_share_low"], row["wrong_share_high"]]
        axis.plot(reach, [place, place], color=style.INK if own else style.MUTED, linewidth=1.8)
        axis.plot(row["wrong_share"], place, "s" if own else "o", color=style.INK, markersize=6,
                  markerfacecolor=style.INK if own else style.PAPER)  # fmt: skip
    axis.set_yticks(places, labels)
    axis.set(xlim=(-0.02, 1.02), ylim=(-0.6, len(summed) - 0.4))
    axis.xaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0, symbol=" %"))
    axis.set_xlabel("false alarms; the upright line marks 5 %")
    axis.grid(visible=False, axis="y")
    axis.tick_params(axis="y", labelcolor=style.INK)
    return figure
