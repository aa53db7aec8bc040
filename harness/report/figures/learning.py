"""What was learned, by epoch."""

from __future__ import annotations

from typing import Final

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, PercentFormatter

from harness.report import style
from harness.report.figures.axes import framework_legend, frameworks_of, grid, thin

# A line through more epochs than this carries no marks.
_MOST_MARKERS: Final = 20

_FEW_PANELS: Final = 6


def accuracy(rounds: pd.DataFrame) -> Figure:
    """Test accuracy by epoch: the median over replicates and, shaded, from lowest to highest."""
    panels = list(dict.fromkeys(rounds["label"]))
    figure, axes = grid(len(panels), height_in=2.5 if len(panels) <= _FEW_PANELS else 2.0, share_y=True)
    # Summed up here, in one go: seaborn would do it epoch by epoch.
    groups = rounds.groupby(["label", "framework", "epoch"], sort=True, observed=True)["accuracy"]
    frameworks = frameworks_of(rounds)
    summed = groups.agg(accuracy="median", lowest="min", highest="max").reset_index()
    for axis, panel in zip(axes, panels, strict=True):
        shown = summed[summed["label"] == panel]
        few = shown["epoch"].nunique() <= _MOST_MARKERS
        sns.lineplot(
            data=shown, x="epoch", y="accuracy", hue="framework", style="framework",
            markers=[style.marker(name) for name in frameworks] if few else False,
            dashes=[style.dashes(name) for name in frameworks],
            palette=[style.colour(name) for name in frameworks], hue_order=frameworks, style_order=frameworks,
            estimator=None, legend=False, markersize=5, markeredgecolor=style.PAPER, ax=axis,
        )  # fmt: skip
        for framework in frameworks:
            side = shown[shown["framework"] == framework]
            axis.fill_between(
                side["epoch"], side["lowest"], side["highest"], color=style.colour(framework), alpha=0.2,
                linewidth=0,
            )  # fmt: skip
        axis.xaxis.set_major_locator(FixedLocator(thin(sorted(set(shown["epoch"])))))
        axis.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=1, symbol=" %"))
        axis.set(title=panel, xlabel="epoch", ylabel="test accuracy" if axis is axes[0] else "")
    framework_legend(figure, frameworks)
    return figure
