"""The tables of one or more runs, in memory."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frames:
    """DataFrames with the columns of `store.schema`; `certificates` has a row a finding."""

    trials: pd.DataFrame
    rounds: pd.DataFrame
    runs: pd.DataFrame
    certificates: pd.DataFrame
