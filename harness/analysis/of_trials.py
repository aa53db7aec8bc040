"""What rows of trials say of each other: whose they are, and which rounds are theirs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.errors import ResultsUnusable
from harness.frameworks import registry
from harness.settings.presets import FRAMEWORKS

# Of the contenders of a comparison.
_SEATS: Final = (0, 1)


def pair_of(*tables: pd.DataFrame) -> tuple[str, str]:
    """The two frameworks of these rows: the first's speed is over the second's.

    Seat 0's is the first. Where rows have no seat, those of certificates and trials of schema 1, the order of
    the records decides. A run that was cut off before both had a row compared the usual two, as far as anyone
    can tell.

    Args:
        tables: rows with a column `framework`, and `seat` where they are trials of comparisons.

    Raises:
        ResultsUnusable: rows of more than two frameworks, which no ratio brings together.
    """
    found = {name for table in tables for name in table["framework"].unique()}
    if len(found) > len(_SEATS):
        named = " and ".join(registry.in_order(found))
        raise ResultsUnusable(f"these runs compare {named}; a ratio is of two, so name runs of the same two")
    found |= set([name for name in FRAMEWORKS if name not in found][: len(_SEATS) - len(found)])
    first, second = (_on(seat, tables) for seat in _SEATS)
    one, other = sorted(registry.in_order(found), key=lambda name: (name in second) - (name in first))
    return one, other


def _on(seat: int, tables: Iterable[pd.DataFrame]) -> set[str]:
    """The frameworks that sat in a seat, in the tables that have seats."""
    return {
        name
        for table in tables
        if "seat" in table
        for name in table.loc[table["seat"].eq(seat), "framework"].unique()
    }


def trial_numbers(rounds: pd.DataFrame, trials: pd.DataFrame) -> npt.NDArray[np.intp]:
    """(rounds,) the row of `trials`, from 0, that each round's `trial_id` stands in; -1 where in none.

    By number: joining a million rounds by their names takes seconds.
    """
    named = rounds["trial_id"].astype("category").cat
    rows = pd.Index(trials["trial_id"].astype("object")).get_indexer(named.categories.astype("object"))
    # A code of -1 is a round without a name: the last place of the lookup says so.
    return np.append(rows, -1)[named.codes.to_numpy()]
