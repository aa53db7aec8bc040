"""What was done of what can be done: arithmetic a second, by how much of it comes to a byte, below a roof."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, NullLocator

from harness.report import style
from harness.report.figures.axes import framework_legend, frameworks_of, grid

# Two frameworks' points stand so far apart.
_ASIDE: Final = 1.06

# More cases in a panel are named in the table alone.
_MOST_LABELS: Final = 8

# The axis reaches so many times as far as the points and the corners of the roofs.
_ROOM: Final = 2.5


def roofline(found: pd.DataFrame) -> Figure:
    """A panel a number format and device: a point a case and framework, with the roof above it.

    `found` has the columns of `sentences.roofline.roofs`; every row has a share. A roof rises with the bytes
    that the device can move, which depends on how much a case's step holds, and ends at its peak of
    arithmetic. The thin line from a point up to its bound is what was not used.
    """
    panels = list(dict.fromkeys(_titled(found)))
    figure, axes = grid(len(panels), height_in=3.4, share_y=True)
    low, high = _reach(found)
    for axis, panel in zip(axes, panels, strict=True):
        shown = found[_titled(found) == panel]
        _roofs(axis, shown, low, high)
        _points(axis, shown)
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_xlim(low, high)
        axis.xaxis.set_minor_locator(NullLocator())
        axis.yaxis.set_minor_locator(NullLocator())
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_major_formatter(EngFormatter())
        axis.yaxis.set_major_formatter(EngFormatter(unit="FLOP/s", sep="\N{THIN SPACE}"))
        axis.set_xlabel("additions and multiplications a byte")
        axis.set_title(panel)
    done = found[["flop_per_s", "flop_per_s_low"]].to_numpy()
    axes[0].set_ylim(np.nanmin(done) / _ROOM, found["peak_flop_per_s"].max() * _ROOM)
    framework_legend(figure, frameworks_of(found))
    return figure


def _titled(found: pd.DataFrame) -> pd.Series:
    titles: pd.Series = found["device"].astype(str) + ", " + found["precision"].astype(str)
    return titles


def _reach(found: pd.DataFrame) -> tuple[float, float]:
    """The axis of intensities: all points, and where each roof bends."""
    bends = found["peak_flop_per_s"] / found["peak_bytes_per_s"]
    both = np.concatenate([bends, found["flop_per_byte"]])
    return float(both.min()) / _ROOM, float(both.max()) * _ROOM


def _roofs(axis: Axes, shown: pd.DataFrame, low: float, high: float) -> None:
    for row in shown.drop_duplicates(["peak_flop_per_s", "peak_bytes_per_s"]).to_dict("records"):
        flat, slope = row["peak_flop_per_s"], row["peak_bytes_per_s"]
        axis.plot([low, flat / slope, high], [low * slope, flat, flat], color=style.MUTED, linewidth=1.2)


def _points(axis: Axes, shown: pd.DataFrame) -> None:
    frameworks = frameworks_of(shown)
    for row in shown.to_dict("records"):
        # Side by side, for all are as intense: else one would hide the other.
        aside = frameworks.index(row["framework"]) - (len(frameworks) - 1) / 2
        place, colour = row["flop_per_byte"] * _ASIDE**aside, style.colour(row["framework"])
        axis.plot(
            [place, place], [row["flop_per_s"], row["bound_flop_per_s"]], color=style.LINE, linewidth=1,
            zorder=1,
        )  # fmt: skip
        reach = [row["flop_per_s_low"], row["flop_per_s_high"]]
        axis.plot([place, place], reach, color=colour, linewidth=1.8)
        axis.plot(place, row["flop_per_s"], style.marker(row["framework"]), color=colour, markersize=6)
    cases = shown.drop_duplicates("case_id")
    if len(cases) > _MOST_LABELS:
        return
    for case in cases.to_dict("records"):
        done = shown.loc[shown["case_id"] == case["case_id"], ["flop_per_s", "flop_per_s_low"]]
        axis.annotate(
            case["label"], (case["flop_per_byte"], np.nanmin(done)), xytext=(0, -7),
            textcoords="offset points", ha="center", va="top", color=style.MUTED, fontsize=8,
        )  # fmt: skip
