"""The ratio between the frameworks along the arithmetic of a training step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FixedLocator, FuncFormatter, NullLocator

from harness.analysis.crossing import Crossing
from harness.report import style
from harness.report.figures.axes import grid
from harness.report.figures.speed import mark, round_ratios, sides

# The axis of ratios reaches at least this far to both sides of 1, and so far beyond all intervals.
_LEAST_REACH: Final = 1.15
_ROOM: Final = 1.05


def arithmetic(
    judged: pd.DataFrame, crossings: Mapping[tuple[str, int], Crossing], margin: float = 0.03
) -> Figure:
    """Ratio by arithmetic of a step: a point a case with its interval, a line a batch size, a panel a mode.

    Args:
        judged: verdicts of training, each with an interval, `step_flop` and `panel`.
        crossings: those that are known, by panel and batch size.
    """
    panels = list(dict.fromkeys(judged["panel"]))
    figure, axes = grid(len(panels), height_in=3.4, share_y=True)
    low, high = judged["speed_ratio_low"].min() / _ROOM, judged["speed_ratio_high"].max() * _ROOM
    ends = np.log([min(low, 1 / _LEAST_REACH), max(high, _LEAST_REACH)])
    for axis, panel in zip(axes, panels, strict=True):
        axis.axhspan(1 / (1 + margin), 1 + margin, color=style.BAND, zorder=0)
        axis.axhline(1, color=style.MUTED, linewidth=1)
        of_panel = judged[judged["panel"] == panel]
        for size, line in of_panel.sort_values("step_flop").groupby("batch_size"):
            if found := crossings.get((panel, size)):
                axis.axvspan(found.low, found.high, color=style.BAND, zorder=0)
            axis.plot(line["step_flop"], line["speed_ratio"], color=style.MUTED, linewidth=1, zorder=1)
            for row in line.to_dict("records"):
                marker, _, colour = mark(row["verdict"])
                low, high, flop = row["speed_ratio_low"], row["speed_ratio_high"], row["step_flop"]
                axis.plot([flop, flop], [low, high], color=colour, linewidth=1.8)
                axis.plot(flop, row["speed_ratio"], marker, color=colour, markersize=6)
            last = line.iloc[-1]
            axis.annotate(
                f"batch {size}", (last["step_flop"], last["speed_ratio"]), xytext=(7, 0),
                textcoords="offset points", va="center", color=style.MUTED,
            )  # fmt: skip
        axis.set_xscale("log")
        axis.set_xlim(judged["step_flop"].min() / 1.6, judged["step_flop"].max() * 6)
        axis.xaxis.set_major_formatter(EngFormatter(sep="\N{THIN SPACE}"))
        axis.set_yscale("log")
        axis.set_ylim(*np.exp(ends))
        axis.yaxis.set_major_locator(FixedLocator(round_ratios(*ends)))
        axis.yaxis.set_minor_locator(NullLocator())
        axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{max(value, 1 / value):g}×"))
        axis.set(title=panel, xlabel="additions and multiplications of a step")
    one, other = sides(judged)
    axes[0].set_ylabel(f"← {other} faster · {one} faster →")
    return figure
