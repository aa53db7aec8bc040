"""One function a figure: frames in, a drawn `Figure` out. Nothing here decides whether a figure is fair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import EngFormatter, FixedLocator, FuncFormatter, NullLocator, PercentFormatter

from harness.analysis.statistics import Verdict
from harness.analysis.usual import PAIRED
from harness.report import style, words
from harness.work.workload import FRAMEWORKS, PYTORCH, TENSORFLOW

# More replicates than this are drawn as their range.
MOST_POINTS: Final = 1000

# A line through more epochs than this carries no marks.
_MOST_MARKERS: Final = 20

_WIDTH_IN: Final = 7.6
_FEW_PANELS: Final = 6
_PARTS: Final = {"import_s": "import", "data_s": "data", "build_s": "build", "first_step_s": "first steps"}

# The verdict as a mark that needs no colour: which side, the same, or (drawn hollow) not known.
_MARKS: Final = {
    Verdict.TENSORFLOW_FASTER: (style.MARKERS[TENSORFLOW], "TensorFlow faster", style.COLOURS[TENSORFLOW]),
    Verdict.PYTORCH_FASTER: (style.MARKERS[PYTORCH], "PyTorch faster", style.COLOURS[PYTORCH]),
    Verdict.EQUIVALENT: ("s", "equivalent", style.INK),
    Verdict.INCONCLUSIVE: ("o", "inconclusive", style.INK),
}

# A ratio's axis reaches at least this far to both sides of 1, and is marked at some of these.
_LEAST_REACH: Final = 1.1
_ROUND_RATIOS: Final = (1.02, 1.05, 1.1, 1.2, 1.3, 1.4, 1.5, 1.7, 2, 3, 5, 10, 20, 50, 100)


def throughput(trials: pd.DataFrame, column: str) -> Figure:
    """Samples per second by batch size: a point a replicate, a line through the medians, a panel a mode.

    `trials` holds finished trials; `column` is `train_samples_per_s` or `eval_samples_per_s`. More than
    `MOST_POINTS` trials are a band from the lowest to the highest instead: the page has to stay small.
    """
    panels = list(dict.fromkeys(trials["panel"]))
    figure, axes = _grid(len(panels), height_in=2.9, share_y=True)
    for axis, panel in zip(axes, panels, strict=True):
        shown = trials[trials["panel"] == panel]
        sns.lineplot(
            data=shown, x="batch_size", y=column, hue="framework", estimator="median",
            errorbar=("pi", 100) if len(trials) > MOST_POINTS else None, palette=style.COLOURS,
            hue_order=FRAMEWORKS, legend=False, linewidth=1.6, ax=axis,
        )  # fmt: skip
        if len(trials) <= MOST_POINTS:
            sns.scatterplot(
                data=shown, x="batch_size", y=column, hue="framework", style="framework",
                markers=style.MARKERS, palette=style.COLOURS, hue_order=FRAMEWORKS, style_order=FRAMEWORKS,
                legend=False, alpha=0.75, s=30, edgecolor="none", ax=axis,
            )  # fmt: skip
        _batch_axis(axis, shown["batch_size"])
        axis.set_ylim(0, 1.06 * trials[column].max())
        axis.yaxis.set_major_formatter(_thousands())
        axis.set(title=panel, ylabel="samples per second" if axis is axes[0] else "")
    if len(panels) == 1:
        _label_lines(axes[0], trials, column)
    else:
        _framework_legend(figure)
    return figure


def throughput_at_one_batch(trials: pd.DataFrame, column: str) -> Figure:
    """Samples per second where there is one batch size: a point a replicate, a bar at the median.

    `trials`, `column` and what becomes of many trials as in `throughput`; a row a framework and panel.
    """
    rows = trials.groupby(["panel", "framework"])[column]
    order = _rows(trials)
    figure, (axis,) = _grid(1, height_in=0.6 + 0.36 * len(order))
    places = _name_rows(axis, order)
    for place, (panel, framework) in zip(places, order, strict=True):
        values = rows.get_group((panel, framework))
        colour = style.COLOURS[framework]
        if len(trials) > MOST_POINTS:
            axis.plot([values.min(), values.max()], [place, place], color=colour, linewidth=5, alpha=0.35)
        else:
            heights = [place] * len(values)
            axis.plot(values, heights, style.MARKERS[framework], color=colour, alpha=0.75, markersize=5)
        axis.plot(values.median(), place, "|", color=colour, markersize=17, markeredgewidth=2)
    axis.set_xlim(0, 1.06 * trials[column].max())
    axis.xaxis.set_major_formatter(_thousands())
    axis.set_xlabel("samples per second")
    return figure


def ratios(judged: pd.DataFrame, margin: float = 0.03) -> Figure:
    """Throughput ratio of each case with its interval; the band is the margin of equivalence.

    Every row of `judged` has a ratio, an interval and a verdict.
    """
    figure, (axis,) = _grid(1, height_in=0.75 + 0.34 * len(judged))
    places = np.arange(len(judged))[::-1]
    axis.axvspan(1 / (1 + margin), 1 + margin, color=style.BAND, zorder=0)
    axis.axvline(1, color=style.MUTED, linewidth=1)
    for place, row in zip(places, judged.to_dict("records"), strict=True):
        marker, _, colour = _MARKS[row["verdict"]]
        low, high = row["speed_ratio_low"], row["speed_ratio_high"]
        axis.plot([low, high], [place, place], color=colour, linewidth=1.8)
        hollow = style.PAPER if row["verdict"] == Verdict.INCONCLUSIVE else colour
        axis.plot(row["speed_ratio"], place, marker, color=colour, markerfacecolor=hollow, markersize=6)
    _ratio_axis(axis, judged["speed_ratio_low"].min(), judged["speed_ratio_high"].max())
    axis.set_ylim(-0.6, len(judged) - 0.4)
    axis.set_yticks(places, judged["label"])
    axis.grid(visible=False, axis="y")
    axis.tick_params(axis="y", labelcolor=style.INK)
    said = axis.secondary_yaxis("right")
    said.set_yticks(places, [_MARKS[verdict][1] for verdict in judged["verdict"]])
    said.tick_params(length=0, labelcolor=style.INK)
    said.spines["right"].set_visible(False)
    return figure


def false_alarms(summed: pd.DataFrame) -> Figure:
    """Share of tries in which a framework was called different from itself, by way, with exact intervals.

    `summed` holds rows of `calibration` where nothing was planted; tries of several lengths are rows apart.
    """
    labels = [f"{words.way(row['way'])}, {row['try_s']:g} s" for row in summed.to_dict("records")]
    figure, (axis,) = _grid(1, height_in=0.75 + 0.3 * len(summed))
    places = np.arange(len(summed))[::-1]
    axis.axvline(0.05, color=style.MUTED, linewidth=1)
    for place, row in zip(places, summed.to_dict("records"), strict=True):
        own = row["way"] == PAIRED
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


def accuracy(rounds: pd.DataFrame) -> Figure:
    """Test accuracy by epoch: the median over replicates and, shaded, from lowest to highest."""
    panels = list(dict.fromkeys(rounds["label"]))
    figure, axes = _grid(len(panels), height_in=2.5 if len(panels) <= _FEW_PANELS else 2.0, share_y=True)
    # Summed up here, in one go: seaborn would do it epoch by epoch.
    groups = rounds.groupby(["label", "framework", "epoch"], sort=True, observed=True)["accuracy"]
    summed = groups.agg(accuracy="median", lowest="min", highest="max").reset_index()
    for axis, panel in zip(axes, panels, strict=True):
        shown = summed[summed["label"] == panel]
        marked = style.MARKERS if shown["epoch"].nunique() <= _MOST_MARKERS else False
        sns.lineplot(
            data=shown, x="epoch", y="accuracy", hue="framework", style="framework", markers=marked,
            dashes=style.DASHES, palette=style.COLOURS, hue_order=FRAMEWORKS, style_order=FRAMEWORKS,
            estimator=None, legend=False, markersize=5, markeredgecolor=style.PAPER, ax=axis,
        )  # fmt: skip
        for framework in FRAMEWORKS:
            side = shown[shown["framework"] == framework]
            axis.fill_between(
                side["epoch"], side["lowest"], side["highest"], color=style.COLOURS[framework], alpha=0.2,
                linewidth=0,
            )  # fmt: skip
        axis.xaxis.set_major_locator(FixedLocator(_thin(sorted(set(shown["epoch"])))))
        axis.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=1, symbol=" %"))
        axis.set(title=panel, xlabel="epoch", ylabel="test accuracy" if axis is axes[0] else "")
    _framework_legend(figure)
    return figure


def taken(trials: pd.DataFrame, quantities: Mapping[str, str]) -> Figure:
    """What trials took, by case, median and range over replicates: a panel a quantity that any trial has.

    `quantities` maps columns of `trials` to what the axis says, unit included.
    """
    kinds = [(column, name) for column, name in quantities.items() if trials[column].notna().any()]
    cases = trials["label"].nunique()
    figure, axes = _grid(len(kinds), height_in=0.8 + 0.42 * cases, share_y=True)
    for axis, (column, name) in zip(axes, kinds, strict=True):
        sns.barplot(
            data=trials, y="label", x=column, hue="framework",
            palette=style.COLOURS, hue_order=FRAMEWORKS, saturation=1, estimator="median",
            errorbar=("pi", 100), err_kws={"color": style.INK, "linewidth": 1.2}, legend=False, width=0.7,
            ax=axis,
        )  # fmt: skip
        for bars, framework in zip(axis.containers, FRAMEWORKS, strict=True):
            for bar in bars:
                bar.set(hatch=style.HATCHES[framework], edgecolor=style.BAND, linewidth=0)
        axis.set(xlabel=name, ylabel="")
        axis.grid(visible=False, axis="y")
        axis.tick_params(axis="y", labelcolor=style.INK)
    patches = [
        Patch(facecolor=style.COLOURS[name], hatch=style.HATCHES[name], edgecolor=style.BAND, linewidth=0)
        for name in FRAMEWORKS
    ]
    _legend(figure, patches)
    return figure


def startup(trials: pd.DataFrame) -> Figure:
    """Start-up split into its parts: medians over the replicates, a bar a framework and panel."""
    order = _rows(trials)
    medians = trials.groupby(["panel", "framework"])[list(_PARTS)].median().loc[order]
    figure, (axis,) = _grid(1, height_in=0.9 + 0.34 * len(order))
    places = _name_rows(axis, order)
    left = np.zeros(len(order))
    for (column, label), colour in zip(_PARTS.items(), style.PARTS, strict=True):
        bars = axis.barh(places, medians[column], left=left, color=colour, label=label, height=0.62)
        left += medians[column].to_numpy()
    axis.bar_label(bars, [f"{words.number(total)} s" for total in left], padding=5, color=style.INK)
    axis.set_xlim(right=1.12 * left.max())
    axis.set_xlabel("seconds from the start of the import to the first round")
    figure.legend(ncols=len(_PARTS), loc="lower left", bbox_to_anchor=(0.0, 1.0), handlelength=1.2)
    return figure


def _rows(trials: pd.DataFrame) -> list[tuple[str, str]]:
    """Panel and framework of each row of a figure that has one row for each, from the top."""
    found = set(zip(trials["panel"], trials["framework"], strict=True))
    panels = dict.fromkeys(trials["panel"])
    return [(panel, name) for panel in panels for name in FRAMEWORKS if (panel, name) in found]


def _name_rows(axis: Axes, order: list[tuple[str, str]]) -> list[int]:
    """Name the rows at the left; their heights on the axis."""
    places = list(range(len(order)))[::-1]
    axis.set_yticks(places, [f"{words.framework(name)}, {panel}" for panel, name in order])
    axis.set_ylim(-0.6, len(order) - 0.4)
    axis.tick_params(axis="y", labelcolor=style.INK)
    axis.grid(visible=False, axis="y")
    return places


def _grid(panels: int, *, height_in: float, share_y: bool = False) -> tuple[Figure, list[Axes]]:
    columns = min(panels, 3)
    rows = -(-panels // columns)
    figure = Figure(figsize=(_WIDTH_IN, height_in * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharey=share_y).ravel()
    for spare in axes[panels:]:
        spare.set_visible(False)
    return figure, list(axes[:panels])


def _batch_axis(axis: Axes, batch_sizes: pd.Series) -> None:
    sizes = sorted(set(batch_sizes))
    axis.set_xscale("log", base=2)
    axis.set_xlim(sizes[0] / 1.3, sizes[-1] * 2.2)
    axis.xaxis.set_major_locator(FixedLocator(_thin(sizes)))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axis.set_xlabel("batch size")


def _label_lines(axis: Axes, shown: pd.DataFrame, column: str) -> None:
    """Each name at the end of its line: read without a legend, and without colour."""
    medians = shown.groupby(["framework", "batch_size"])[column].median()
    # A framework that failed at the largest batch size has its name where its own line ends.
    ends = medians.groupby("framework").tail(1).sort_values().reset_index()
    side_by_side = len(ends) == len(FRAMEWORKS) and not np.ptp(ends["batch_size"])
    # Names that would overprint each other are moved apart, the upper up and the lower down.
    close = side_by_side and np.ptp(ends[column]) < 0.09 * axis.get_ylim()[1]
    for place, end in enumerate(ends.to_dict("records")):
        axis.annotate(
            words.framework(end["framework"]),
            (end["batch_size"], end[column]),
            xytext=(7, (12 * place - 6) if close else 0),
            textcoords="offset points",
            color=style.COLOURS[end["framework"]],
            va="center",
            fontweight="bold",
        )


def _framework_legend(figure: Figure) -> None:
    axis = figure.axes[0]
    _legend(
        figure, [axis.plot([], [], style.MARKERS[name], color=style.COLOURS[name])[0] for name in FRAMEWORKS]
    )


def _legend(figure: Figure, handles: Sequence[Artist]) -> None:
    """Both frameworks' names above the panels, each by the mark that stands for it there."""
    names = [words.framework(name) for name in FRAMEWORKS]
    figure.legend(handles, names, ncols=len(names), loc="lower left", bbox_to_anchor=(0.0, 1.0))


def _ratio_axis(axis: Axes, low: float, high: float) -> None:
    """A log axis from `low` to `high` that always shows 1 and a little of either side."""
    ends = np.log([min(low, 1 / _LEAST_REACH), max(high, _LEAST_REACH)])
    room = 0.06 * np.ptp(ends)
    axis.set_xscale("log")
    axis.set_xlim(*np.exp([ends[0] - room, ends[1] + room]))
    axis.xaxis.set_major_locator(FixedLocator(_round_ratios(*ends)))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{max(value, 1 / value):g}×"))
    axis.set_xlabel("times as fast")
    for side, name, align in ((0.0, "← PyTorch faster", "left"), (1.0, "TensorFlow faster →", "right")):
        axis.text(side, 1.02, name, transform=axis.transAxes, ha=align, va="bottom", color=style.MUTED)


def _round_ratios(low: float, high: float) -> list[float]:
    """Round ratios on both sides of 1 between two log-ratios, far enough apart for their labels."""
    apart = (high - low) / 9
    ups, downs = [1.0], [1.0]
    for step in _ROUND_RATIOS:
        if np.log(step) <= high and np.log(step / ups[-1]) >= apart:
            ups.append(step)
        if -np.log(step) >= low and np.log(step * downs[-1]) >= apart:
            downs.append(1 / step)
    return sorted({*ups, *downs})


def _thousands() -> EngFormatter:
    return EngFormatter(sep="\N{THIN SPACE}")


def _thin(values: list[int], most: int = 8) -> list[int]:
    return values if len(values) <= most else values[:: -(-len(values) // most)]
