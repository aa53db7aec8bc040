"""How fast: samples per second, and the ratio between the frameworks."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from harness.analysis.statistics import Verdict
from harness.analysis.verdicts import pairs_in, winner
from harness.report import style, words
from harness.report.figures.axes import (
    framework_legend,
    frameworks_of,
    grid,
    logarithmic,
    name_rows,
    rows_of,
    thin,
    thousands,
)

# More replicates than this are drawn as their range.
MOST_POINTS: Final = 1000

# Panels further apart than this have scales of their own: on one the slower would all lie on its floor.
_FAR_APART: Final = 5

# A ratio's axis reaches at least this far to both sides of 1, and is marked at some of these.
_LEAST_REACH: Final = 1.1

_ROUND_RATIOS: Final = (1.02, 1.05, 1.1, 1.2, 1.3, 1.4, 1.5, 1.7, 2, 3, 5, 10, 20, 50, 100)


def throughput(trials: pd.DataFrame, column: str) -> Figure:
    """Samples per second by batch size: a point a replicate, a line through the medians, a panel a mode.

    `trials` holds finished trials; `column` is `train_samples_per_s` or `eval_samples_per_s`. More than
    `MOST_POINTS` trials are a band from the lowest to the highest instead: the page has to stay small. All
    panels have one scale unless they are `far_apart`.
    """
    panels, frameworks = list(dict.fromkeys(trials["panel"])), frameworks_of(trials)
    colours, markers = ([of(name) for name in frameworks] for of in (style.colour, style.marker))
    alike = not far_apart(trials, column)
    figure, axes = grid(len(panels), height_in=2.9, share_y=alike)
    for axis, panel in zip(axes, panels, strict=True):
        shown = trials[trials["panel"] == panel]
        sns.lineplot(
            data=shown, x="batch_size", y=column, hue="framework", estimator="median",
            errorbar=("pi", 100) if len(trials) > MOST_POINTS else None, palette=colours,
            hue_order=frameworks, legend=False, linewidth=1.6, ax=axis,
        )  # fmt: skip
        if len(trials) <= MOST_POINTS:
            sns.scatterplot(
                data=shown, x="batch_size", y=column, hue="framework", style="framework",
                markers=markers, palette=colours, hue_order=frameworks, style_order=frameworks,
                legend=False, alpha=0.75, s=30, edgecolor="none", ax=axis,
            )  # fmt: skip
        _batch_axis(axis, shown["batch_size"])
        axis.set_ylim(0, 1.06 * (trials if alike else shown)[column].max())
        axis.yaxis.set_major_formatter(thousands())
        axis.set(title=panel, ylabel="samples per second" if axis is axes[0] else "")
    if len(panels) == 1:
        _label_lines(axes[0], trials, column)
    else:
        framework_legend(figure, frameworks)
    return figure


def far_apart(trials: pd.DataFrame, column: str) -> bool:
    """Whether panels are too far apart for one scale from zero, as networks of all sizes are."""
    fastest = trials.groupby("panel")[column].max()
    return bool(fastest.max() > _FAR_APART * fastest.min())


def throughput_at_one_batch(trials: pd.DataFrame, column: str) -> Figure:
    """Samples per second where there is one batch size: a point a replicate, a bar at the median.

    `trials`, `column` and what becomes of many trials as in `throughput`; a row a framework and panel, on a
    logarithmic scale where these are `far_apart`.
    """
    rows = trials.groupby(["panel", "framework"])[column]
    order = rows_of(trials)
    figure, (axis,) = grid(1, height_in=0.6 + 0.36 * len(order))
    places = name_rows(axis, order)
    for place, (panel, framework) in zip(places, order, strict=True):
        values = rows.get_group((panel, framework))
        colour = style.colour(framework)
        if len(trials) > MOST_POINTS:
            axis.plot([values.min(), values.max()], [place, place], color=colour, linewidth=5, alpha=0.35)
        else:
            heights = [place] * len(values)
            axis.plot(values, heights, style.marker(framework), color=colour, alpha=0.75, markersize=5)
        axis.plot(values.median(), place, "|", color=colour, markersize=17, markeredgewidth=2)
    if far_apart(trials, column):
        logarithmic(axis, trials[column].min(), trials[column].max())
    else:
        axis.set_xlim(0, 1.06 * trials[column].max())
    axis.xaxis.set_major_formatter(thousands())
    axis.set_xlabel("samples per second")
    return figure


def ratios(judged: pd.DataFrame, margin: float = 0.03) -> Figure:
    """Throughput ratio of each case with its interval; the band is the margin of equivalence.

    Every row of `judged` has a ratio, an interval and a verdict.
    """
    figure, (axis,) = grid(1, height_in=0.75 + 0.34 * len(judged))
    places = np.arange(len(judged))[::-1]
    axis.axvspan(1 / (1 + margin), 1 + margin, color=style.BAND, zorder=0)
    axis.axvline(1, color=style.MUTED, linewidth=1)
    for place, row in zip(places, judged.to_dict("records"), strict=True):
        marker, _, colour = mark(row["verdict"])
        low, high = row["speed_ratio_low"], row["speed_ratio_high"]
        axis.plot([low, high], [place, place], color=colour, linewidth=1.8)
        hollow = style.PAPER if row["verdict"] == Verdict.INCONCLUSIVE else colour
        axis.plot(row["speed_ratio"], place, marker, color=colour, markerfacecolor=hollow, markersize=6)
    ratio_axis(axis, judged["speed_ratio_low"].min(), judged["speed_ratio_high"].max())
    one, other = sides(judged)
    name_ends(axis, f"← {other} faster", f"{one} faster →")
    axis.set_ylim(-0.6, len(judged) - 0.4)
    axis.set_yticks(places, judged["label"])
    axis.grid(visible=False, axis="y")
    axis.tick_params(axis="y", labelcolor=style.INK)
    said = axis.secondary_yaxis("right")
    said.set_yticks(places, [mark(verdict)[1] for verdict in judged["verdict"]])
    said.tick_params(length=0, labelcolor=style.INK)
    said.spines["right"].set_visible(False)
    return figure


def sides(judged: pd.DataFrame) -> tuple[str, str]:
    """Who is faster above 1, and who below it; among several frameworks the place in each ratio."""
    (pair, *others) = pairs_in(judged)
    one, other = map(words.framework, pair)
    return ("first", "second") if others else (one, other)


def mark(verdict: str) -> tuple[str, str, str]:
    """A verdict as a mark that needs no colour, in words, and its colour: which side, the same, or not known.

    The last is drawn hollow.
    """
    faster = winner(verdict)
    if faster is not None:
        return style.marker(faster), f"{words.framework(faster)} faster", style.colour(faster)
    return {Verdict.EQUIVALENT: "s", Verdict.INCONCLUSIVE: "o"}[Verdict(verdict)], verdict, style.INK


def _batch_axis(axis: Axes, batch_sizes: pd.Series) -> None:
    sizes = sorted(set(batch_sizes))
    axis.set_xscale("log", base=2)
    axis.set_xlim(sizes[0] / 1.3, sizes[-1] * 2.2)
    axis.xaxis.set_major_locator(FixedLocator(thin(sizes)))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axis.set_xlabel("batch size")


def _label_lines(axis: Axes, shown: pd.DataFrame, column: str) -> None:
    """Each name at the end of its line: read without a legend, and without colour."""
    medians = shown.groupby(["framework", "batch_size"])[column].median()
    # A framework that failed at the largest batch size has its name where its own line ends.
    ends = medians.groupby("framework").tail(1).sort_values().reset_index()
    side_by_side = len(ends) == len(frameworks_of(shown)) > 1 and not np.ptp(ends["batch_size"])
    # Names that would overprint each other are moved apart, the upper up and the lower down.
    apart = ends[column].diff().ge(0.09 * axis.get_ylim()[1]) if side_by_side else ends[column].notna()
    close = ends.groupby(apart.cumsum())["framework"]
    raised = 12 * close.cumcount() - 6 * (close.transform("size") - 1)
    for up, end in zip(raised, ends.to_dict("records"), strict=True):
        axis.annotate(
            words.framework(end["framework"]),
            (end["batch_size"], end[column]),
            xytext=(7, up),
            textcoords="offset points",
            color=style.colour(end["framework"]),
            va="center",
            fontweight="bold",
        )


def ratio_axis(axis: Axes, low: float, high: float) -> None:
    """A log axis from `low` to `high` that always shows 1 and a little of either side."""
    ends = np.log([min(low, 1 / _LEAST_REACH), max(high, _LEAST_REACH)])
    room = 0.06 * np.ptp(ends)
    axis.set_xscale("log")
    axis.set_xlim(*np.exp([ends[0] - room, ends[1] + room]))
    axis.xaxis.set_major_locator(FixedLocator(round_ratios(*ends)))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{max(value, 1 / value):g}×"))
    axis.set_xlabel("times as fast")


def name_ends(axis: Axes, left: str, right: str) -> None:
    """What either side of 1 says."""
    for side, name, align in ((0.0, left, "left"), (1.0, right, "right")):
        axis.text(side, 1.02, name, transform=axis.transAxes, ha=align, va="bottom", color=style.MUTED)


def round_ratios(low: float, high: float) -> list[float]:
    """Round ratios on both sides of 1 between two log-ratios, far enough apart for their labels."""
    apart = (high - low) / 9
    ups, downs = [1.0], [1.0]
    for step in _ROUND_RATIOS:
        if np.log(step) <= high and np.log(step / ups[-1]) >= apart:
            ups.append(step)
        if -np.log(step) >= low and np.log(step * downs[-1]) >= apart:
            downs.append(1 / step)
    return sorted({*ups, *downs})
