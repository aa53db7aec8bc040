"""The interval study's frames as the Markdown tables of its decision page."""

from __future__ import annotations

import numpy as np
import pandas as pd

from studies.candidates import CANDIDATES, CHOSEN
from studies.noise import SCENARIOS

PERCENT = 100


def tables(covered: pd.DataFrame, stopped: pd.DataFrame) -> str:
    """Three tables, one below the other."""
    sections = {
        "Candidates": candidates_table(covered),
        f"The chosen interval ({CHOSEN.name})": chosen_table(covered),
        "Stopping when narrow enough": stopping_table(stopped),
    }
    return "\n".join(f"## {title}\n\n{markdown(table)}" for title, table in sections.items())


def candidates_table(covered: pd.DataFrame) -> pd.DataFrame:
    """A row a candidate: extremes of coverage over the even scenarios, and width against the chosen.

    Width is the geometric mean over scenarios of the ratio of median half-widths.
    """
    even = covered[covered["even"]]
    extremes = even.groupby(["candidate", "replicates"])["coverage"].agg(["min", "max"]) * PERCENT
    extremes = extremes.map("{:.1f}".format).agg(" to ".join, axis="columns").rename("range").reset_index()
    shown = _wide(extremes, ["candidate"], "replicates", "range")
    widths = _wide(even, ["scenario", "rounds", "replicates"], "candidate", "half_width")
    logs = widths.div(widths[CHOSEN.name], axis="index").transform(np.log)
    relative = logs.groupby("replicates").mean().transform(np.exp).T.map("{:.2f}".format)
    table = pd.concat(
        [shown[[3, 5, 10, 20]].add_prefix("coverage %, n = "), relative[[5, 10]].add_prefix("width, n = ")],
        axis="columns",
    )
    return table.reindex([candidate.name for candidate in CANDIDATES])


def chosen_table(covered: pd.DataFrame) -> pd.DataFrame:
    """A row a scenario and number of rounds: the chosen interval's coverage and width by replicates."""
    chosen = covered[covered["candidate"] == CHOSEN.name]
    shares, widths = (
        _wide(chosen, ["scenario", "rounds"], "replicates", values) * PERCENT
        for values in ("coverage", "half_width")
    )
    table = pd.concat(
        [shares.add_prefix("coverage %, n = "), widths[[5, 10]].add_prefix("half-width %, n = ")],
        axis="columns",
    )
    return table.map("{:.1f}".format).reindex([scenario.name for scenario in SCENARIOS], level="scenario")


def stopping_table(stopped: pd.DataFrame) -> pd.DataFrame:
    """A row a stopping rule: lowest and mean coverage, and replicates spent, over the even scenarios.

    Only settings count in which most runs did stop for being narrow.
    """
    narrow = stopped[stopped["stopped"] > 1 / 2]
    rules = narrow.groupby(["fewest", "extra"])
    return pd.DataFrame(
        {
            "lowest coverage %": (rules["coverage"].min() * PERCENT).map("{:.1f}".format),
            "mean coverage %": (rules["coverage"].mean() * PERCENT).map("{:.1f}".format),
            "mean replicates": rules["mean_replicates"].mean().map("{:.1f}".format),
        }
    )


def _wide(frame: pd.DataFrame, index: list[str], columns: str, values: str) -> pd.DataFrame:
    return frame.pivot_table(index=index, columns=columns, values=values, aggfunc="first")


def markdown(table: pd.DataFrame) -> str:
    """A Markdown table, the index as its first columns."""
    frame = table.reset_index()
    lines = [frame.columns.tolist(), ["---"] * frame.shape[1], *frame.to_numpy().tolist()]
    return "".join("| " + " | ".join(str(cell) for cell in line) + " |\n" for line in lines)
