"""Which trial a round belongs to, as a number: joining a million rounds by their names takes seconds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd


def trial_numbers(rounds: pd.DataFrame, trials: pd.DataFrame) -> npt.NDArray[np.intp]:
    """(rounds,) the row of `trials`, from 0, that each round's `trial_id` stands in; -1 where in none."""
    named = rounds["trial_id"].astype("category").cat
    rows = pd.Index(trials["trial_id"].astype("object")).get_indexer(named.categories.astype("object"))
    # A code of -1 is a round without a name: the last place of the lookup says so.
    return np.append(rows, -1)[named.codes.to_numpy()]
