"""What rows of trials say of each other: whose they are, and which rounds are theirs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.errors import ResultsUnusable
from harness.frameworks import registry
from harness.settings.presets import FRAMEWORKS

# Fewer are not compared.
_FEWEST: Final = 2


def compared(*tables: pd.DataFrame) -> tuple[str, ...]:
    """The frameworks of these rows, two or more: the speed of one is over that of those after it.

    Their order is that of their seats. Where rows have no seat, those of certificates and trials of schema 1,
    the order of the records decides. A run that was cut off before two had a row compared the usual two, as
    far as anyone can tell.

    Args:
        tables: rows with a column `framework`, and `seat` where they are trials of comparisons.

    Raises:
        ResultsUnusable: several runs that compare different frameworks.
    """
    found = {name for table in tables for name in table["framework"].unique()}
    _require_alike(found, tables)
    found |= set([name for name in FRAMEWORKS if name not in found][: max(_FEWEST - len(found), 0)])
    places = {name: _place(name, len(found), tables) for name in found}
    return tuple(sorted(registry.in_order(found), key=places.__getitem__))


def pairs(frameworks: Sequence[str]) -> list[tuple[str, str]]:
    """Every two of them, in the order in which they are asked for: the first's speed over the second's."""
    return list(combinations(frameworks, 2))


def _require_alike(found: set[str], tables: Iterable[pd.DataFrame]) -> None:
    """No ratio brings together what a run has of some and another of others.

    Raises:
        ResultsUnusable: one of several runs has two of them or more, and not all.
    """
    if len(found) <= _FEWEST:
        return
    of_run: dict[str, set[str]] = {}
    for table in tables:
        if "run_id" in table:
            for run_id, names in table.groupby("run_id")["framework"]:
                of_run.setdefault(str(run_id), set()).update(names)
    apart = {frozenset(names) for names in of_run.values() if len(names) >= _FEWEST}
    if len(of_run) > 1 and apart - {frozenset(found)}:
        named = "; others ".join(sorted(", ".join(registry.in_order(names)) for names in apart))
        raise ResultsUnusable(f"some of these runs compare {named}; name runs of the same frameworks")


def _place(name: str, seats: int, tables: Iterable[pd.DataFrame]) -> float:
    """The middle of the seats that a framework sat in; of all seats where it sat in none."""
    sat = {
        seat
        for table in tables
        if "seat" in table
        for seat in table.loc[table["framework"].eq(name), "seat"].dropna().unique()
        if seat < seats
    }
    return float(np.mean(list(sat))) if sat else (seats - 1) / 2


def trial_numbers(rounds: pd.DataFrame, trials: pd.DataFrame) -> npt.NDArray[np.intp]:
    """(rounds,) the row of `trials`, from 0, that each round's `trial_id` stands in; -1 where in none.

    By number: joining a million rounds by their names takes seconds.
    """
    named = rounds["trial_id"].astype("category").cat
    rows = pd.Index(trials["trial_id"].astype("object")).get_indexer(named.categories.astype("object"))
    # A code of -1 is a round without a name: the last place of the lookup says so.
    return np.append(rows, -1)[named.codes.to_numpy()]
