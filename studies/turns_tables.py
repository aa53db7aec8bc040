"""The frame of the study of turns as the Markdown tables of its decision page."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from studies.noise import SCENARIOS
from studies.tables import PERCENT, markdown

SETTING = ["costs", "cases", "ends"]
WAYS = ("fixed", "learned")
ERRORS = {
    "coverage": "coverage %",
    "false_alarm": "false alarms %",
    "wrongly_equivalent": "wrongly equivalent %",
}


def tables(frame: pd.DataFrame) -> str:
    """Three tables, one below the other: fixed turns before learned ones wherever two numbers stand."""
    told = frame.assign(ends=[_ends(row) for row in frame.to_dict("records")])
    even = told[told["scenario"].isin([scenario.name for scenario in SCENARIOS if scenario.even])]
    sections = {
        "Errors, even scenarios pooled (95 %)": errors_table(even),
        "What it costs, mean of even scenarios": costs_table(even),
        "Runs of one case at the usual costs, by scenario": scenarios_table(told),
    }
    return "\n".join(f"## {title}\n\n{markdown(table)}" for title, table in sections.items())


def errors_table(even: pd.DataFrame) -> pd.DataFrame:
    """A row a setting: how often intervals hold and verdicts err, and the worst scenario of each."""
    rows = {}
    for setting, of in _settings(even):
        row = {}
        for name, heading in ERRORS.items():
            row |= {f"{heading}, {way}": _pooled(of[of["turns"] == way], name) for way in WAYS}
            row[f"worst {heading}"] = " / ".join(_worst(of[of["turns"] == way], name) for way in WAYS)
        rows[setting] = row
    return _table(rows)


def costs_table(even: pd.DataFrame) -> pd.DataFrame:
    """A row a setting: power, replicates, turns and seconds, and the price of learned turns over fixed."""
    rows = {}
    for setting, of in _settings(even):
        means = of.groupby("turns")[
            ["found_5_percent", "mean_replicates", "mean_turns", "mean_wall_s"]
        ].mean()
        scales = {"finds 5 %": PERCENT, "replicates": 1, "turns": 1, "seconds": 1}
        row = {
            heading: " / ".join(f"{means[column][way] * scale:.1f}" for way in WAYS)
            for column, (heading, scale) in zip(means, scales.items(), strict=True)
        }
        prices = of.pivot_table(index="scenario", columns="turns", values="price_s")
        over = prices["learned"] / prices["fixed"]
        row["price"] = f"{np.exp(np.log(over).mean()):.2f} ({over.min():.2f} to {over.max():.2f})"
        rows[setting] = row
    return _table(rows)


def scenarios_table(told: pd.DataFrame) -> pd.DataFrame:
    """A row a scenario and way to stop: fixed and learned side by side."""
    of = told[(told["costs"] == "usual") & (told["cases"] == 1)]
    wide = of.pivot_table(
        index=["scenario", "ends"],
        columns="turns",
        values=[*ERRORS, "found_5_percent", "mean_turns", "price_s"],
        sort=False,
    )
    shares = {**ERRORS, "found_5_percent": "finds 5 %"}
    columns = {
        heading: [" / ".join(f"{one[way] * PERCENT:.1f}" for way in WAYS) for _, one in wide[name].iterrows()]
        for name, heading in shares.items()
    }
    columns["turns learned"] = wide["mean_turns"]["learned"].map("{:.0f}".format).tolist()
    columns["price"] = (wide["price_s"]["learned"] / wide["price_s"]["fixed"]).map("{:.2f}".format).tolist()
    return pd.DataFrame(columns, index=wide.index)


def _settings(frame: pd.DataFrame) -> list[tuple[tuple[object, ...], pd.DataFrame]]:
    return list(frame.groupby(SETTING, sort=False))


def _table(rows: dict[tuple[object, ...], dict[str, str]]) -> pd.DataFrame:
    index = pd.MultiIndex.from_tuples(list(rows), names=SETTING)
    return pd.DataFrame(list(rows.values()), index=index)


def _ends(row: dict[str, float]) -> str:
    if np.isnan(row["budget_s"]):
        return f"at {row['most']} replicates"
    return f"within {PERCENT * row['within']:g} % or {row['budget_s']:g} s"


def _pooled(of: pd.DataFrame, name: str) -> str:
    """The share over all scenarios, with its interval."""
    asked = of["runs"] * (of["cases"] if name == "coverage" else 1)
    told = binomtest(round((of[name] * asked).sum()), int(asked.sum()))
    bounds = told.proportion_ci()
    return f"{PERCENT * told.statistic:.1f} ({PERCENT * bounds.low:.1f} to {PERCENT * bounds.high:.1f})"


def _worst(of: pd.DataFrame, name: str) -> str:
    place = of[name].idxmin() if name == "coverage" else of[name].idxmax()
    return f"{of['scenario'][place]} {PERCENT * of[name][place]:.1f}"
