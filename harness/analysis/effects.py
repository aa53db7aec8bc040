"""How fast each contender of each match was: tables in, one log speed a contender, match and phase out."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from itertools import pairwise
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.analysis.match import total_effects, typical_effects
from harness.analysis.of_trials import trial_numbers
from harness.work.records import Status

MATCH: Final = ["run_id", "match_id"]

# What is read of a round: there may be a million of them.
TURN: Final = ["trial_id", "phase", "round_index", "wall_s", "samples", "warm_up"]

# Fewer do not take turns.
_FEWEST: Final = 2

_OF_TRIAL: Final = ["case_id", "run_id", "match_id", "seat", "contender", "framework"]
_DTYPES: Final[dict[Hashable, str]] = {"phase": "str", "log_speed": "float64", "log_total_speed": "float64"}


def effects(trials: pd.DataFrame, rounds: pd.DataFrame) -> pd.DataFrame:
    """Log speeds of the contenders that finished, of the rounds that were not in their warm-up.

    Args:
        trials: one row a trial, columns as in `store.schema.TRIALS`.
        rounds: one row a timed round, columns as in `store.schema.ROUNDS`.

    Returns:
        One row a trial and phase in which it was timed, matches in order of appearance: `case_id`, `run_id`,
        `match_id`, `seat`, `contender` and `framework`, and `log_speed` about the match's mean
        (`match.typical_effects`), NaN where a round has no proper time. In a match and phase the difference
        of two is the log of one's throughput over the other's, so ratios close. `log_total_speed` likewise,
        over all turns together (`match.total_effects`). Matches in which fewer than two contenders finished
        are left out.
    """
    finished = trials[trials["status"] == Status.OK].reset_index(drop=True)
    match = finished.groupby(MATCH, sort=False).ngroup()
    finished = finished[match.groupby(match).transform("size") >= _FEWEST].reset_index(drop=True)
    told = pd.DataFrame(_of_matches(_timed(finished, rounds)), columns=["trial", *_DTYPES])
    if told.empty:
        return pd.DataFrame(columns=[*_OF_TRIAL, *_DTYPES]).astype(_DTYPES)
    told = told.sort_values("trial", kind="stable")
    of_trial = finished[_OF_TRIAL].iloc[told["trial"]].reset_index(drop=True)
    return of_trial.assign(**{str(name): told[name].to_numpy() for name in _DTYPES}).astype(_DTYPES)


def ratios(found: pd.DataFrame, column: str, of: Hashable, over: Hashable) -> pd.DataFrame:
    """The log-ratio of two contenders in each match and phase that both were timed in.

    Args:
        found: as `effects` returns it.
        column: what tells the two apart: `contender`, `framework` or `seat`.
        of: the one's value there.
        over: the other's.

    Returns:
        One row a match and phase: `case_id` (of the one), `run_id`, `match_id`, `phase`, and `log_ratio`, the
        log of the one's throughput over the other's; `log_total_ratio` over all turns together.

    Raises:
        ValueError: two of a match have the same value there, as programs of a walk may: only `seat` tells
            these apart.
    """
    one, other = (found[found[column] == name] for name in (of, over))
    for name, rows in ((of, one), (over, other)):
        if rows.duplicated([*MATCH, "phase"]).any():
            raise ValueError(f"{column} {name} is not one contender of each match")
    speeds = ["log_speed", "log_total_speed"]
    both = one.merge(other[[*MATCH, "phase", *speeds]], on=[*MATCH, "phase"], suffixes=("", "_other"))
    both = both.assign(
        log_ratio=both["log_speed"] - both["log_speed_other"],
        log_total_ratio=both["log_total_speed"] - both["log_total_speed_other"],
    )
    return both[["case_id", *MATCH, "phase", "log_ratio", "log_total_ratio"]]


def _timed(finished: pd.DataFrame, rounds: pd.DataFrame) -> pd.DataFrame:
    """Rounds of finished trials by number: `trial` is a row of `finished`, `match` counts matches."""
    rounds = rounds[TURN]
    trial = trial_numbers(rounds, finished)
    rounds, trial = rounds[trial >= 0], trial[trial >= 0]
    match = finished.groupby(MATCH, sort=False).ngroup().to_numpy()
    return pd.DataFrame(
        {
            "phase": rounds["phase"].to_numpy(),
            "match": match[trial],
            "trial": trial,
            "turn": rounds["round_index"].to_numpy(),
            # Seconds a sample, not seconds: throughputs even if the contenders' rounds differ in size.
            "sample_s": (rounds["wall_s"] / rounds["samples"]).to_numpy(),
            # Null in files older than the column.
            "warm_up": rounds["warm_up"].eq(True).to_numpy(),  # noqa: FBT003
        }
    )


def _of_matches(timed: pd.DataFrame) -> Iterator[tuple[int, str, float, float]]:
    """Of each match and phase who was timed there: its number, the phase and both speeds."""
    number = timed.groupby(["phase", "match"], sort=False, observed=True).ngroup().to_numpy()
    order = np.argsort(number, kind="stable")
    columns = {name: timed[name].to_numpy()[order] for name in timed}
    ends = np.flatnonzero(np.diff(number[order])) + 1
    # Arrays and not rows of a frame: matches may be tens of thousands.
    for first, last in pairwise((0, *ends, len(order))):
        yield from _effects_of({name: values[first:last] for name, values in columns.items()})


def _effects_of(timed: Mapping[Hashable, NDArray[Any]]) -> Iterator[tuple[int, str, float, float]]:
    """Those of one match in one phase; none where fewer than two were timed."""
    turns, turn = np.unique(timed["turn"], return_inverse=True)
    trials, seat = np.unique(timed["trial"], return_inverse=True)
    if len(trials) < _FEWEST:
        return
    sample_s, left_out = (
        np.full((len(turns), len(trials)), np.nan),
        np.ones((len(turns), len(trials)), np.bool_),
    )
    sample_s[turn, seat], left_out[turn, seat] = timed["sample_s"], timed["warm_up"]
    speeds, total_speeds = typical_effects(sample_s, left_out), total_effects(sample_s, left_out)
    for counts in np.flatnonzero(~left_out.all(axis=0)):
        yield trials[counts], timed["phase"][0], speeds[counts], total_speeds[counts]
