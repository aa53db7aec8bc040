"""What trials took, and what start-up is made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from harness.report import style, words
from harness.report.figures.axes import frameworks_of, grid, legend, name_rows, rows_of

_PARTS: Final = {"import_s": "import", "data_s": "data", "build_s": "build", "first_step_s": "first steps"}


def taken(trials: pd.DataFrame, quantities: Mapping[str, str]) -> Figure:
    """What trials took, by case, median and range over replicates: a panel a quantity that any trial has.

    `quantities` maps columns of `trials` to what the axis says, unit included.
    """
    kinds = [(column, name) for column, name in quantities.items() if trials[column].notna().any()]
    cases, frameworks = trials["label"].nunique(), frameworks_of(trials)
    figure, axes = grid(len(kinds), height_in=0.8 + 0.42 * cases, share_y=True)
    for axis, (column, name) in zip(axes, kinds, strict=True):
        sns.barplot(
            data=trials, y="label", x=column, hue="framework",
            palette=[style.colour(name) for name in frameworks], hue_order=frameworks, saturation=1,
            estimator="median", errorbar=("pi", 100), err_kws={"color": style.INK, "linewidth": 1.2},
            legend=False, width=0.7, ax=axis,
        )  # fmt: skip
        for bars, framework in zip(axis.containers, frameworks, strict=True):
            for bar in bars:
                bar.set(hatch=style.hatch(framework), edgecolor=style.BAND, linewidth=0)
        axis.set(xlabel=name, ylabel="")
        axis.grid(visible=False, axis="y")
        axis.tick_params(axis="y", labelcolor=style.INK)
    patches = [
        Patch(facecolor=style.colour(name), hatch=style.hatch(name), edgecolor=style.BAND, linewidth=0)
        for name in frameworks
    ]
    legend(figure, frameworks, patches)
    return figure


def startup(trials: pd.DataFrame) -> Figure:
    """Start-up split into its parts: medians over the replicates, a bar a framework and panel."""
    order = rows_of(trials)
    medians = trials.groupby(["panel", "framework"])[list(_PARTS)].median().loc[order]
    figure, (axis,) = grid(1, height_in=0.9 + 0.34 * len(order))
    places = name_rows(axis, order)
    left = np.zeros(len(order))
    for (column, label), colour in zip(_PARTS.items(), style.PARTS, strict=True):
        bars = axis.barh(places, medians[column], left=left, color=colour, label=label, height=0.62)
        left += medians[column].to_numpy()
    axis.bar_label(bars, [f"{words.number(total)} s" for total in left], padding=5, color=style.INK)
    axis.set_xlim(right=1.12 * left.max())
    axis.set_xlabel("seconds from the start of the import to the first round")
    figure.legend(ncols=len(_PARTS), loc="lower left", bbox_to_anchor=(0.0, 1.0), handlelength=1.2)
    return figure
