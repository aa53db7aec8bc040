"""Parquet files become frames again: one run, several, the latest, or everything in a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow as pa

from harness.errors import ResultsUnusable
from harness.settings.sharding import run_prefix
from harness.store import migration
from harness.store.frames import Frames
from harness.store.holding import is_held
from harness.store.naming import LATEST, counted_back, is_latest, locate
from harness.store.schema import (
    ATTEMPTS,
    CALIBRATION,
    CHANGES,
    EXPLANATIONS,
    REPEATED,
    REPORTED,
    RESIDENTS,
    RUNS,
    TRIALS,
)
from harness.store.tables import findings, matches, one_table
from harness.work.records import Role, RunStatus, Status
from harness.work.workload import USUAL, Mode

EVERYTHING: Final = "all"

# More runs than these, the newest, are not named where one was not found.
_MOST_NAMED: Final = 5

# A calibration says something about runs on the same machine only.
_MACHINE: Final = ["hostname", "cpu_model", "cpu_usable"]


def run_ids(folder: Path) -> list[str]:
    """Identifiers of the runs in a results folder, oldest first (they begin with their start's time)."""
    return sorted(path.stem for path in (folder / "runs").glob("*.parquet") if not path.name.startswith("."))


def chosen(folder: Path, wanted: Sequence[str]) -> list[str]:
    """Identifiers of the runs that `wanted` names (see `read`), each once; a plan's name those of its shards.

    Raises:
        ResultsUnusable: a folder without runs, or a name that is none of its runs.
    """
    known = _known(folder)
    ids: list[str] = []
    for name in wanted:
        if name == EVERYTHING:
            ids += known
        elif is_latest(name):
            ids.append(counted_back(name, known, folder))
        elif name in known:
            ids.append(name)
        elif of_plan := [one for one in known if one.startswith(run_prefix(name))]:
            ids += of_plan
        else:
            held = ", ".join(known[-_MOST_NAMED:])
            raise ResultsUnusable(
                f"run {name}: not in {folder}; it holds {held}; `{LATEST}` and `{EVERYTHING}` name runs too"
            )
    return list(dict.fromkeys(ids))


def read(folder: Path, wanted: Sequence[str] = (LATEST,)) -> Frames:
    """Frames of the runs named in `wanted`: identifiers, `latest`, `latest~1`, or `all`.

    Raises:
        ResultsUnusable: a folder without runs, an unknown identifier, a damaged file, or a file written
            by a newer version.
    """
    ids = chosen(folder, wanted)
    trials = _frame(matches(folder / "trials", ids, TRIALS))
    rounds = _frame(matches(folder / "rounds", ids, REPORTED, REPEATED))
    runs = _runs(folder, ids, trials)

    def where(chosen: pd.Series) -> tuple[pd.DataFrame, pd.DataFrame]:
        of_trials = trials[chosen].reset_index(drop=True)
        return of_trials, rounds[rounds["trial_id"].isin(of_trials["trial_id"])].reset_index(drop=True)

    controls, control_rounds = where(trials["role"].eq(Role.CONTROL))
    compared, compared_rounds = where(_compared(trials))
    # With other threads, other differences can be told apart.
    attempts = read_attempts(folder).merge(runs[["threads"]].drop_duplicates(), on="threads")
    ways, way_rounds = where(trials["role"].eq(Role.WAYS) & ~_usual(trials))
    scaling, scaling_rounds = where(trials["role"].eq(Role.SCALING))
    learned, learned_rounds = where(_learned(trials))
    return Frames(
        runs=runs,
        trials=compared,
        rounds=compared_rounds,
        learned=learned,
        learned_rounds=learned_rounds,
        certificates=findings(folder, runs).to_pandas(),
        controls=controls,
        control_rounds=control_rounds,
        ways=ways,
        way_rounds=way_rounds,
        scaling=scaling,
        scaling_rounds=scaling_rounds,
        attempts=_of_this_machine(attempts, runs),
        calibrations=attempts.merge(runs[_MACHINE].drop_duplicates(), on=_MACHINE),
        changes=_of_this_machine(read_changes(folder), runs),
        residents=_latest(_of_this_machine(_read_residents(folder), runs)),
    )


def read_named(results: Path, name: str) -> Frames:
    """Frames of the one run that `name` means (see `naming.locate`).

    Raises:
        ResultsUnusable: as `read`, and a path that names no run.
    """
    folder, run_id = the_one(results, name)
    return read(folder, [run_id])


def the_one(results: Path, name: str) -> tuple[Path, str]:
    """The results folder and the identifier of the one run that `name` means (see `naming.locate`).

    Raises:
        ResultsUnusable: a name of several runs, of none that is there, or a path that names none.
    """
    folder, named = locate(results, name)
    if named == EVERYTHING:
        raise ResultsUnusable(f"run {named}: several runs; name one")
    (run_id,) = chosen(folder, [named])
    return folder, run_id


def read_trials(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """All runs of a results folder and their trials as in `Frames.trials`, oldest run first, without rounds.

    Raises:
        ResultsUnusable: a folder without runs, or a file that cannot be read.
    """
    known = _known(folder)
    trials = _frame(matches(folder / "trials", known, TRIALS))
    return _runs(folder, known, trials), trials[_compared(trials)].reset_index(drop=True)


def _compared(trials: pd.DataFrame) -> pd.Series:
    """Which trials set frameworks side by side that are written the same way."""
    role = trials["role"]
    # Files of schema 1 know no roles: what they hold are comparisons.
    return role.isna() | role.isin([Role.COMPARISON, Role.CHANGE]) | (role.eq(Role.WAYS) & _usual(trials))


def _usual(trials: pd.DataFrame) -> pd.Series:
    return trials["mode"].eq(USUAL.mode) & trials["update"].eq(USUAL.update)


def _learned(trials: pd.DataFrame) -> pd.Series:
    """Which trials trained to the end of their epochs, and were seen after each.

    Until schema 5 those that were compared did, and a listing as printed still does.
    """
    whole = migration.learned_in_turns(trials) | trials["mode"].eq(Mode.ARTICLE)
    return trials["role"].eq(Role.LEARNING) | (_compared(trials) & whole)


def read_attempts(folder: Path, calibration_id: str = "") -> pd.DataFrame:
    """Tries of the calibrations in a results folder, of one or of all; empty where there are none."""
    pattern = f"{calibration_id}*.parquet"
    return _frame(
        migration.attempts(one_table(sorted((folder / CALIBRATION / "attempts").glob(pattern)), ATTEMPTS))
    )


def _known(folder: Path) -> list[str]:
    known = run_ids(folder)
    if not known:
        raise ResultsUnusable(f"RESULTS={folder}: holds no runs; `make bench` makes one")
    return known


def read_changes(folder: Path, explanation_id: str = LATEST) -> pd.DataFrame:
    """Changes of one explanation in a results folder, by default the latest; empty where there is none."""
    changes = folder / EXPLANATIONS / "changes"
    if explanation_id == LATEST:
        newest = max((path.name for path in changes.glob("[!.]*.parquet")), default="")
        explanation_id = newest.removesuffix(".parquet").rsplit("-", 2)[0]
    return _frame(one_table(sorted(changes.glob(f"{explanation_id}-*.parquet")), CHANGES))


def _read_residents(folder: Path) -> pd.DataFrame:
    """All measurements of what workers lose beside others; empty where there are none."""
    return _frame(one_table(sorted((folder / CALIBRATION / "residents").glob("[!.]*.parquet")), RESIDENTS))


def _latest(residents: pd.DataFrame) -> pd.DataFrame:
    latest: pd.DataFrame = residents[residents["residents_id"] == residents["residents_id"].max()]
    return latest


def _of_this_machine(rows: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """What was measured where the runs were."""
    places = runs[_MACHINE].drop_duplicates()
    if len(places) != 1:
        return rows.iloc[:0]
    return rows.merge(places, on=_MACHINE)


def _runs(folder: Path, ids: list[str], trials: pd.DataFrame) -> pd.DataFrame:
    """The runs' rows; one that says running and that nobody measures was abandoned with its last trial."""
    runs = _frame(one_table([folder / "runs" / f"{run_id}.parquet" for run_id in ids], RUNS))
    for number, run in runs[runs["status"].eq(RunStatus.RUNNING)].iterrows():
        if is_held(folder, run["run_id"]):
            continue
        mine = trials[trials["run_id"] == run["run_id"]]
        ends = mine["started_at"] + pd.to_timedelta(mine["wall_s"], unit="s")
        at = ends.max().as_unit("us") if len(mine) else run["started_at"]
        ok = int(mine["status"].eq(Status.OK).sum())
        told = {
            "status": RunStatus.ABANDONED.value,
            "finished_at": at,
            "trials_ok": ok,
            "trials_failed": len(mine) - ok,
            "stopped_because": f"it was abandoned{'' if pd.isna(at) else f' at {at:%Y-%m-%d %H:%M:%S} UTC'}",
        }
        runs.loc[number, list(told)] = pd.Series(told)
    return runs


def _frame(table: pa.Table) -> pd.DataFrame:
    # A table's memory goes as its columns are converted: a million rounds are not held twice.
    frame: pd.DataFrame = table.to_pandas(self_destruct=True, split_blocks=True)
    return frame
