"""What each host found by itself, below what is known of their kind."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from harness.analysis.statistics import Verdict
from harness.report import style, words
from harness.report.figures.axes import grid
from harness.report.figures.speed import mark, name_ends, ratio_axis, sides

_ASKED: Final = ("case_id", "speed_of", "speed_over")


def by_host(judged: pd.DataFrame, found: pd.DataFrame, margin: float = 0.03) -> Figure:
    """The ratio of each case with its interval, thick, and below it those of its hosts, thin.

    `judged` are rows of `answer.judge` with an interval and a verdict, `found` what `analysis.hosts.found_by`
    returns of their cases.
    """
    figure, (axis,) = grid(1, height_in=0.75 + 0.27 * (len(judged) + len(found)))
    axis.axvspan(1 / (1 + margin), 1 + margin, color=style.BAND, zorder=0)
    axis.axvline(1, color=style.MUTED, linewidth=1)
    names: list[str] = []
    for row in judged.to_dict("records"):
        marker, _, colour = mark(row["verdict"])
        place = -len(names)
        names.append(row["label"])
        axis.plot(
            [row["speed_ratio_low"], row["speed_ratio_high"]], [place, place], color=colour, linewidth=2.6
        )
        hollow = style.PAPER if row["verdict"] == Verdict.INCONCLUSIVE else colour
        axis.plot(row["speed_ratio"], place, marker, color=colour, markerfacecolor=hollow, markersize=7)
        own = found[(found[list(_ASKED)] == pd.Series({name: row[name] for name in _ASKED})).all(axis=1)]
        for host in own.to_dict("records"):
            place = -len(names)
            names.append(words.plain(host["host"]))
            axis.plot(
                [host["ratio_low"], host["ratio_high"]], [place, place], color=style.MUTED, linewidth=1.2
            )
            axis.plot(host["ratio"], place, "o", color=style.MUTED, markersize=4)
    lows = [judged["speed_ratio_low"].min(), found["ratio_low"].min(), found["ratio"].min()]
    highs = [judged["speed_ratio_high"].max(), found["ratio_high"].max(), found["ratio"].max()]
    ratio_axis(axis, float(np.nanmin(lows)), float(np.nanmax(highs)))
    one, other = sides(judged)
    name_ends(axis, f"← {other} faster", f"{one} faster →")
    axis.set_ylim(0.4 - len(names), 0.6)
    axis.set_yticks([-place for place in range(len(names))], names)
    axis.grid(visible=False, axis="y")
    axis.tick_params(axis="y", labelcolor=style.INK)
    return figure
