"""Parquet files become frames again: one run, several, the latest, or everything in a folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import dataset

from harness.errors import ResultsUnusable
from harness.store import migration
from harness.store.frames import Frames
from harness.store.holding import is_held
from harness.store.naming import LATEST, counted_back, is_latest, is_plain, locate
from harness.store.parts import bundles, once, singles, whole
from harness.store.schema import (
    ATTEMPTS,
    CALIBRATION,
    CERTIFICATES,
    CHANGES,
    EXPLANATIONS,
    REPEATED,
    REPORTED,
    RESIDENTS,
    ROUNDS,
    RUNS,
    SCHEMA_VERSION,
    TRIALS,
)
from harness.work.records import Role, Status
from harness.work.workload import USUAL, Mode

EVERYTHING: Final = "all"

# What a run's row says when it has ended and while it is measured; what is read of one that nobody finished.
FINISHED: Final = "finished"
RUNNING: Final = "running"
ABANDONED: Final = "abandoned"

# More runs than these, the newest, are not named where one was not found.
_MOST_NAMED: Final = 5

# So often files are looked for, while a run that goes on makes one of many.
_TRIES: Final = 3

# A calibration says something about runs on the same machine only.
_MACHINE: Final = ["hostname", "cpu_model", "cpu_usable"]


def run_ids(folder: Path) -> list[str]:
    """Identifiers of the runs in a results folder, oldest first (they begin with their start's time)."""
    return sorted(path.stem for path in (folder / "runs").glob("*.parquet") if not path.name.startswith("."))


def chosen(folder: Path, wanted: Sequence[str]) -> list[str]:
    """Identifiers of the runs that `wanted` names (see `read`), each once.

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
    trials = _frame(_matches(folder / "trials", ids, TRIALS))
    rounds = _frame(_matches(folder / "rounds", ids, REPORTED, REPEATED))
    runs = _runs(folder, ids, trials)

    def where(chosen: pd.Series) -> tuple[pd.DataFrame, pd.DataFrame]:
        of_trials = trials[chosen].reset_index(drop=True)
        return of_trials, rounds[rounds["trial_id"].isin(of_trials["trial_id"])].reset_index(drop=True)

    controls, control_rounds = where(trials["role"].eq(Role.CONTROL))
    compared, compared_rounds = where(_compared(trials))
    ways, way_rounds = where(trials["role"].eq(Role.WAYS) & ~_usual(trials))
    learned, learned_rounds = where(_learned(trials))
    return Frames(
        runs=runs,
        trials=compared,
        rounds=compared_rounds,
        learned=learned,
        learned_rounds=learned_rounds,
        certificates=_findings(folder, runs).to_pandas(),
        controls=controls,
        control_rounds=control_rounds,
        ways=ways,
        way_rounds=way_rounds,
        attempts=_of_this_machine(read_attempts(folder), runs),
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


def read_tables(folder: Path, run_id: str) -> dict[str, pa.Table]:
    """A run's tables as they are on disk, by the names of their folders.

    Raises:
        ResultsUnusable: as `read`.
    """
    runs = _arrow([folder / "runs" / f"{run_id}.parquet"], RUNS)
    trials, rounds = read_matches(folder, run_id)
    return {
        "runs": runs,
        "trials": trials,
        "rounds": rounds,
        "certificates": _findings(folder, runs.to_pandas()),
    }


def read_matches(folder: Path, run_id: str) -> tuple[pa.Table, pa.Table]:
    """A run's trials and their rounds as they are on disk.

    Raises:
        ResultsUnusable: a damaged file, or one written by a newer version.
    """
    return _matches(folder / "trials", [run_id], TRIALS), _matches(folder / "rounds", [run_id], ROUNDS)


def read_trials(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """All runs of a results folder and their trials as in `Frames.trials`, oldest run first, without rounds.

    Raises:
        ResultsUnusable: a folder without runs, or a file that cannot be read.
    """
    known = _known(folder)
    trials = _frame(_matches(folder / "trials", known, TRIALS))
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
        migration.attempts(_arrow(sorted((folder / CALIBRATION / "attempts").glob(pattern)), ATTEMPTS))
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
    return _frame(_arrow(sorted(changes.glob(f"{explanation_id}-*.parquet")), CHANGES))


def _read_residents(folder: Path) -> pd.DataFrame:
    """All measurements of what workers lose beside others; empty where there are none."""
    return _frame(_arrow(sorted((folder / CALIBRATION / "residents").glob("[!.]*.parquet")), RESIDENTS))


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
    runs = _frame(_arrow([folder / "runs" / f"{run_id}.parquet" for run_id in ids], RUNS))
    for number, run in runs[runs["status"].eq(RUNNING)].iterrows():
        if is_held(folder, run["run_id"]):
            continue
        mine = trials[trials["run_id"] == run["run_id"]]
        ends = mine["started_at"] + pd.to_timedelta(mine["wall_s"], unit="s")
        at = ends.max().as_unit("us") if len(mine) else run["started_at"]
        ok = int(mine["status"].eq(Status.OK).sum())
        told = {
            "status": ABANDONED,
            "finished_at": at,
            "trials_ok": ok,
            "trials_failed": len(mine) - ok,
            "stopped_because": f"it was abandoned{'' if pd.isna(at) else f' at {at:%Y-%m-%d %H:%M:%S} UTC'}",
        }
        runs.loc[number, list(told)] = pd.Series(told)
    return runs


def _findings(folder: Path, runs: pd.DataFrame) -> pa.Table:
    """Findings of the runs' certificates, also of those that older versions wrote."""
    wanted = dict.fromkeys(name for names in runs["certificate_ids"] if names is not None for name in names)
    paths = [folder / "certificates" / f"{name}.parquet" for name in wanted if is_plain(name)]
    paths = [path for path in paths if path.is_file()]
    tables = []
    for path in paths:
        try:
            found = migration.findings(pq.ParquetFile(path).read())
            tables.append(_known_version(found.select(CERTIFICATES.names).cast(CERTIFICATES), [path]))
        except (OSError, KeyError, ValueError, pa.ArrowInvalid) as error:
            raise ResultsUnusable(f"{path}: cannot be read ({error})") from error
    return pa.concat_tables([CERTIFICATES.empty_table(), *tables])


def _frame(table: pa.Table) -> pd.DataFrame:
    # A table's memory goes as its columns are converted: a million rounds are not held twice.
    frame: pd.DataFrame = table.to_pandas(self_destruct=True, split_blocks=True)
    return frame


def _matches(folder: Path, ids: list[str], schema: pa.Schema, repeated: Sequence[str] = ()) -> pa.Table:
    """The runs' trials or rounds, also those that older versions wrote; else as `_arrow`.

    Of each match what counts where it is in several files (`store.parts`).
    """
    both = pa.schema([*schema, *migration.OLD_COLUMNS.items()])

    def table(paths: list[Path]) -> pa.Table:
        return migration.matches(_arrow(paths, both, repeated))

    listed: list[Path] = []
    for tries_left in reversed(range(_TRIES)):
        try:
            return _listed(folder, ids, table, listed)
        except ResultsUnusable:
            # A run that goes on may have bundled files since they were listed.
            if not tries_left or all(path.is_file() for path in listed):
                raise
            listed.clear()
    raise AssertionError


def _listed(
    folder: Path, ids: list[str], table: Callable[[list[Path]], pa.Table], listed: list[Path]
) -> pa.Table:
    """The tables of the runs' files, each match once; `listed` are told the files that are read."""
    alone, tables = list[Path](), list[pa.Table]()
    for run_id in ids:
        gathered = whole(folder, run_id)
        many = ([one] for one in bundles(folder, run_id))
        kinds = (singles(folder, run_id), *many, [gathered] if gathered.is_file() else [])
        several = [paths for paths in kinds if paths]
        listed += [path for paths in several for path in paths]
        if len(several) == 1:
            alone += several[0]
        else:
            tables += once([table(paths) for paths in several])
    return pa.concat_tables([table(alone), *tables]).unify_dictionaries()


def _arrow(paths: list[Path], schema: pa.Schema, repeated: Sequence[str] = ()) -> pa.Table:
    """The files as one table in the schema's columns, null where a file was written before a column was.

    `repeated` columns hold few different words: they become categories, which take a byte or two a row.

    Raises:
        ResultsUnusable: a damaged file, or one written by a newer version.
    """
    words = pa.dictionary(pa.int32(), pa.string())
    wanted = pa.schema([field.with_type(words) if field.name in repeated else field for field in schema])
    if not paths:
        return wanted.empty_table()
    files = dataset.ParquetFileFormat(dictionary_columns=list(repeated))
    try:
        table = dataset.dataset(list(map(str, paths)), schema=wanted, format=files).to_table()
    except (OSError, pa.ArrowException) as error:
        raise ResultsUnusable(_damaged(paths) or f"{paths[0].parent}: cannot be read ({error})") from error
    return _known_version(table, paths).unify_dictionaries()


def _known_version(table: pa.Table, paths: list[Path]) -> pa.Table:
    newest = max((version or 0 for version in table.column("schema_version").to_pylist()), default=0)
    if newest > SCHEMA_VERSION:
        raise ResultsUnusable(
            f"{_newest(paths)}: written with schema {newest}, this version reads up to {SCHEMA_VERSION}; "
            "update it"
        )
    return table


def _damaged(paths: list[Path]) -> str | None:
    """The first file that is no parquet file, and what is wrong with it."""
    for path in paths:
        try:
            pq.read_metadata(path)
        except (OSError, pa.ArrowInvalid) as error:
            return f"{path}: cannot be read ({error})"
    return None


def _newest(paths: list[Path]) -> Path:
    """The file with the newest schema."""
    return max(paths, key=lambda path: pq.read_table(path, columns=["schema_version"]).column(0)[0].as_py())
