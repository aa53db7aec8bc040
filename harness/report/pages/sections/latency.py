"""How long one prediction takes: percentiles over single calls."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pandas as pd

from harness.frameworks import registry
from harness.report import words
from harness.report.figures import quantiles
from harness.report.figures.quantiles import PERCENTILES
from harness.report.pages import context
from harness.report.pages.context import Section
from harness.report.pages.evidence import Evidence
from harness.report.pages.sections.drawing import CASE, drawn

_SIDE: Final = ["label", "framework"]

# Of fewer calls than this the 99th percentile says hardly more than the slowest.
_ENOUGH_CALLS: Final = 100


def latency(shown: Evidence, pictures: Path) -> Section:
    measured, drawable = _calls(shown.ok), _calls(shown.comparable)
    unit, per_s = ("µs", 1e6) if measured["p50_s"].min() < 1e-3 else ("ms", 1e3)  # noqa: PLR2004
    in_unit = {name: per_s * measured[name] for name in PERCENTILES}
    few = bool((measured["calls"] < _ENOUGH_CALLS).any())
    unmeasured = "The latency of predictions was not measured."
    return drawn(
        pictures,
        "latency",
        title="Latency of predictions",
        intro="Time from asking for the predictions of one batch until the host has them, call by call: "
        "half of the calls are done within p50, 95 % within p95, 99 % within p99. Medians over the "
        "replicates, on a logarithmic axis; less is faster."
        + (f" Of fewer than {_ENOUGH_CALLS} calls, p99 is hardly more than the slowest." if few else "")
        + shown.left_out,
        reason=shown.nothing_to_draw or (None if drawable["p50_s"].notna().any() else unmeasured),
        draw=lambda: quantiles.latencies(drawable),
        table=context.table(
            f"Latency of predictions, {unit}",
            measured.assign(**in_unit).drop_duplicates([*_SIDE, "samples"]),
            (
                *CASE,
                ("framework", "framework", words.framework),
                ("samples a call", "samples", words.count),
                ("replicates", "replicates", words.count),
                ("calls of each", "calls", words.count),
                *((f"{name.removesuffix('_s')}, {unit}", name, words.number) for name in PERCENTILES),
            ),
        ),
    )


def _calls(trials: pd.DataFrame) -> pd.DataFrame:
    """Medians over the replicates of each case and framework: rows at batch 1, then at the case's batch.

    `replicates` counts those with a value, `asked` says in words what a call was for.
    """
    sizes = trials["batch_size"].unique()
    own = _asked(sizes[0]) if len(sizes) == 1 else "one batch a call"
    one = _medians(trials.assign(samples=1, asked=_asked(1)), "latency_one")
    batch = _medians(trials.assign(samples=trials["batch_size"], asked=own), "latency_batch")
    return pd.concat([one, batch], ignore_index=True).drop_duplicates([*_SIDE, "asked"])


def _asked(samples: int) -> str:
    return f"{words.plural(samples, 'sample')} a call"


def _medians(trials: pd.DataFrame, measured: str) -> pd.DataFrame:
    names = {f"{measured}_{name}": name for name in ("calls", *PERCENTILES)}
    # Cases in reading order, in each the frameworks in theirs.
    ordered = trials.rename(columns=names).assign(
        label=pd.Categorical(trials["label"], trials["label"].unique()),
        framework=pd.Categorical(trials["framework"], registry.in_order(trials["framework"].unique())),
    )
    values = ordered.groupby([*_SIDE, "samples", "asked"], observed=True)
    medians = values[list(names.values())].median()
    return medians.assign(replicates=values["p50_s"].count()).reset_index()
