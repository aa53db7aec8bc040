"""One function a figure: frames in, a drawn `Figure` out. Nothing here decides whether a figure is fair."""

from __future__ import annotations

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator, PercentFormatter

from harness.analysis.statistics import Verdict
from harness.report import style, words
from harness.workload import FRAMEWORKS

_WIDTH_IN = 7.6
_PARTS = {"import_s": "import", "data_s": "data", "build_s": "build", "first_step_s": "first steps"}

# The verdict as a mark that needs no colour: which side, the same, or (drawn hollow) not known.
_MARKS: dict[str, tuple[str, str]] = {
    Verdict.TENSORFLOW_FASTER: ("o", "TensorFlow faster"),
    Verdict.PYTORCH_FASTER: ("D", "PyTorch faster"),
    Verdict.EQUIVALENT: ("s", "equivalent"),
    Verdict.INCONCLUSIVE: ("o", "inconclusive"),
}


def throughput(trials: pd.DataFrame, column: str) -> Figure:
    """Samples per second by batch size: a point a replicate, a line through the medians, a panel a mode.

    `trials` holds finished trials; `column` is `train_samples_per_s` or `eval_samples_per_s`.
    """
    panels = list(dict.fromkeys(trials["panel"]))
    figure, axes = _grid(len(panels), height_in=2.9)
    for axis, panel in zip(axes, panels, strict=True):
        shown = trials[trials["panel"] == panel]
        sns.lineplot(
            data=shown, x="batch_size", y=column, hue="framework", estimator="median", errorbar=None,
            palette=style.COLOURS, hue_order=FRAMEWORKS, legend=False, linewidth=1.6, ax=axis,
        )  # fmt: skip
        sns.scatterplot(
            data=shown, x="batch_size", y=column, hue="framework", style="framework", markers=style.MARKERS,
            palette=style.COLOURS, hue_order=FRAMEWORKS, style_order=FRAMEWORKS, legend=False, alpha=0.75,
            s=30, edgecolor="none", ax=axis,
        )  # fmt: skip
        _batch_axis(axis, shown["batch_size"])
        axis.set_ylim(bottom=0)
        axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / 1000:,.0f} k"))
        axis.set(title=panel, ylabel="samples per second" if axis is axes[0] else "")
        _label_lines(axis, shown, column)
    return figure


def ratios(judged: pd.DataFrame, margin: float = 0.03) -> Figure:
    """Throughput ratio of each case with its interval; the band is the margin of equivalence."""
    figure, (axis,) = _grid(1, height_in=0.75 + 0.34 * len(judged))
    places = np.arange(len(judged))[::-1]
    axis.axvspan(1 / (1 + margin), 1 + margin, color=style.BAND, zorder=0)
    axis.axvline(1, color=style.MUTED, linewidth=1)
    for place, row in zip(places, judged.to_dict("records"), strict=True):
        marker, _ = _MARKS[row["verdict"]]
        if pd.notna(row["speed_ratio_low"]):
            axis.plot(
                [row["speed_ratio_low"], row["speed_ratio_high"]],
                [place, place],
                color=style.INK,
                linewidth=1.8,
            )
        hollow = style.PAPER if row["verdict"] == Verdict.INCONCLUSIVE else style.INK
        axis.plot(
            row["speed_ratio"], place, marker=marker, color=style.INK, markerfacecolor=hollow, markersize=6
        )
    axis.set_xscale("log")
    ends = judged[["speed_ratio_low", "speed_ratio_high", "speed_ratio"]].to_numpy(dtype=float)
    reach = max(np.nanmax(np.abs(np.log(ends))), np.log(1.15)) * 1.12
    axis.set_xlim(np.exp(-reach), np.exp(reach))
    axis.xaxis.set_major_locator(FixedLocator(_round_ratios(reach)))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _times(value)))
    axis.set_ylim(-0.6, len(judged) - 0.4)
    axis.set_yticks(places, judged["label"])
    axis.grid(visible=False, axis="y")
    axis.tick_params(axis="y", labelcolor=style.INK)
    for side, name, align in ((0.0, "← PyTorch faster", "left"), (1.0, "TensorFlow faster →", "right")):
        axis.text(side, 1.02, name, transform=axis.transAxes, ha=align, va="bottom", color=style.MUTED)
    axis.set_xlabel("times as fast")
    said = axis.secondary_yaxis("right")
    said.set_yticks(places, [_MARKS[verdict][1] for verdict in judged["verdict"]])
    said.tick_params(length=0, labelcolor=style.INK)
    said.spines["right"].set_visible(False)
    return figure


def accuracy(rounds: pd.DataFrame) -> Figure:
    """Test accuracy by epoch: the median over replicates and, shaded, from lowest to highest."""
    panels = list(dict.fromkeys(rounds["label"]))
    figure, axes = _grid(len(panels), height_in=2.5, share_y=True)
    for axis, panel in zip(axes, panels, strict=True):
        shown = rounds[rounds["label"] == panel]
        sns.lineplot(
            data=shown, x="epoch", y="accuracy", hue="framework", style="framework", markers=style.MARKERS,
            dashes=False, palette=style.COLOURS, hue_order=FRAMEWORKS, style_order=FRAMEWORKS,
            estimator="median", errorbar=("pi", 100), legend=False, markersize=5, ax=axis,
        )  # fmt: skip
        axis.xaxis.set_major_locator(FixedLocator(_thin(sorted(set(shown["epoch"])))))
        axis.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=1))
        axis.set(title=panel, xlabel="epoch", ylabel="test accuracy" if axis is axes[0] else "")
    _framework_legend(figure)
    return figure


def memory(trials: pd.DataFrame) -> Figure:
    """Largest resident set of a worker, by case: the mean over replicates and each of them."""
    figure, (axis,) = _grid(1, height_in=0.8 + 0.42 * trials["label"].nunique())
    shown = trials.assign(host_peak_mib=trials["host_peak_bytes"] / 2**20)
    sns.barplot(
        data=shown, y="label", x="host_peak_mib", hue="framework", palette=style.COLOURS,
        hue_order=FRAMEWORKS, saturation=1, errorbar=None, legend=False, width=0.7, ax=axis,
    )  # fmt: skip
    for bars, framework in zip(axis.containers, FRAMEWORKS, strict=False):
        for bar in bars:
            bar.set(hatch=style.HATCHES[framework], edgecolor=style.BAND, linewidth=0)
    axis.set(xlabel="peak resident memory of the worker, MiB", ylabel="")
    axis.grid(visible=False, axis="y")
    axis.tick_params(axis="y", labelcolor=style.INK)
    _framework_legend(figure)
    return figure


def startup(trials: pd.DataFrame) -> Figure:
    """Start-up split into its parts: medians over the replicates, a bar a framework and mode."""
    medians = trials.groupby(["panel", "framework"], sort=False)[list(_PARTS)].median()
    figure, (axis,) = _grid(1, height_in=0.9 + 0.34 * len(medians))
    places = np.arange(len(medians))[::-1]
    left = np.zeros(len(medians))
    for (column, label), colour in zip(_PARTS.items(), style.PARTS, strict=True):
        axis.barh(places, medians[column], left=left, color=colour, label=label, height=0.62)
        left += medians[column].to_numpy()
    names = [f"{words.framework(framework)}, {panel}" for panel, framework in medians.index]
    axis.set_yticks(places, names)
    axis.tick_params(axis="y", labelcolor=style.INK)
    axis.grid(visible=False, axis="y")
    axis.set_xlabel("seconds from the start of the import to the first round")
    figure.legend(ncols=len(_PARTS), loc="lower left", bbox_to_anchor=(0.0, 1.0), handlelength=1.2)
    return figure


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
    largest = shown["batch_size"].max()
    ends = shown[shown["batch_size"] == largest].groupby("framework")[column].median().sort_values()
    # Names that would overprint each other are moved apart, the upper up and the lower down.
    close = len(ends) == len(FRAMEWORKS) and np.ptp(ends) < 0.09 * axis.get_ylim()[1]
    for place, (framework, height) in enumerate(ends.items()):
        axis.annotate(
            words.framework(str(framework)),
            (largest, height),
            xytext=(7, (12 * place - 6) if close else 0),
            textcoords="offset points",
            color=style.COLOURS[str(framework)],
            va="center",
            fontweight="bold",
        )


def _framework_legend(figure: Figure) -> None:
    handles = [
        figure.axes[0].plot([], [], style.MARKERS[name], color=style.COLOURS[name])[0] for name in FRAMEWORKS
    ]
    figure.legend(
        handles,
        [words.framework(name) for name in FRAMEWORKS],
        ncols=len(FRAMEWORKS),
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
    )


def _round_ratios(reach: float) -> list[float]:
    fine, coarse = [1.05, 1.1, 1.2], [1.5, 2, 3, 5, 10, 20, 50, 100]
    ups = [step for step in (coarse if reach > np.log(1.6) else fine) if np.log(step) < reach]
    return [*(1 / up for up in reversed(ups)), 1.0, *ups]


def _times(value: float) -> str:
    return f"{max(value, 1 / value):g}×"


def _thin(values: list[int], most: int = 8) -> list[int]:
    return values if len(values) <= most else values[:: -(-len(values) // most)]
