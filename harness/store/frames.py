"""The tables of one or more runs, in memory."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frames:
    """DataFrames with the columns of `store.schema`, rounds with those of `REPORTED`.

    `certificates` has a row a finding. `trials` and `rounds` are those of comparisons, and of matches of all
    ways those of the frameworks' usual loops; `ways` and `way_rounds` are those of other ways, `scaling` and
    `scaling_rounds` those of matches of one worker and several. `learned` and
    `learned_rounds` are those of whole trainings, which say what is learned and not how fast. `controls` and
    `control_rounds` are those of the matches in which one framework ran against itself. `attempts` are the
    calibrations of the machine that the runs were measured on, empty where there is none or where the runs
    come from several machines; `changes` are likewise those of the latest explanation, and `residents` the
    latest measurement of what workers lose beside others. `kinds` says of which kind of hardware each run is,
    where there are several (`analysis.kinds`). `calibrations` are those of each of the runs' hosts, and
    `left_out` the hosts that were left out, with why (`analysis.hosts`).
    """

    trials: pd.DataFrame
    rounds: pd.DataFrame
    runs: pd.DataFrame
    certificates: pd.DataFrame
    controls: pd.DataFrame
    control_rounds: pd.DataFrame
    attempts: pd.DataFrame
    learned: pd.DataFrame
    learned_rounds: pd.DataFrame
    changes: pd.DataFrame = field(default_factory=pd.DataFrame)
    residents: pd.DataFrame = field(default_factory=pd.DataFrame)
    ways: pd.DataFrame = field(default_factory=pd.DataFrame)
    way_rounds: pd.DataFrame = field(default_factory=pd.DataFrame)
    scaling: pd.DataFrame = field(default_factory=pd.DataFrame)
    scaling_rounds: pd.DataFrame = field(default_factory=pd.DataFrame)
    kinds: pd.DataFrame = field(default_factory=pd.DataFrame)
    calibrations: pd.DataFrame = field(default_factory=pd.DataFrame)
    left_out: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def trainings(self) -> pd.DataFrame:
        """Whole trainings beside the trials that are compared; older versions' are among these."""
        return self.learned[~self.learned["trial_id"].isin(self.trials["trial_id"])]

    @property
    def of_all_ways(self) -> pd.DataFrame:
        """Trials whose speeds are set side by side: `trials` and `ways`."""
        return pd.concat([self.trials, self.ways])

    @property
    def rounds_of_all_ways(self) -> pd.DataFrame:
        return pd.concat([self.rounds, self.way_rounds])
