"""Parquet files become frames again: one run, several, the latest, or everything in a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from harness.errors import ResultsUnusable
from harness.records import Role
from harness.store.frames import Frames
from harness.store.naming import LATEST, counted_back, is_latest, locate
from harness.store.schema import ATTEMPTS, CALIBRATION, CERTIFICATES, ROUNDS, RUNS, SCHEMA_VERSION, TRIALS

EVERYTHING: Final = "all"

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
            raise ResultsUnusable(f"run {name}: not in {folder}; it holds {', '.join(known[-5:])}")
    return list(dict.fromkeys(ids))


def read(folder: Path, wanted: Sequence[str] = (LATEST,)) -> Frames:
    """Frames of the runs named in `wanted`: identifiers, `latest`, `latest~1`, or `all`.

    Raises:
        ResultsUnusable: a folder without runs, an unknown identifier, a damaged file, or a file written
            by a newer version.
    """
    ids = chosen(folder, wanted)
    runs = _table([folder / "runs" / f"{run_id}.parquet" for run_id in ids], RUNS)
    trials = _table(_files(folder / "trials", ids), TRIALS)
    rounds = _table(_files(folder / "rounds", ids), ROUNDS)
    # Files of schema 1 know no roles: what they hold are comparisons.
    is_control, of_control = (frame["role"].eq(Role.CONTROL) for frame in (trials, rounds))
    return Frames(
        runs=runs,
        trials=trials[~is_control].reset_index(drop=True),
        rounds=rounds[~of_control].reset_index(drop=True),
        certificates=_table(_certificates(folder, runs), CERTIFICATES),
        controls=trials[is_control].reset_index(drop=True),
        control_rounds=rounds[of_control].reset_index(drop=True),
        attempts=_of_this_machine(read_attempts(folder), runs),
    )


def read_named(results: Path, name: str) -> Frames:
    """Frames of the one run that `name` means (see `naming.locate`).

    Raises:
        ResultsUnusable: as `read`, and a path that names no run.
    """
    folder, run = locate(results, name)
    if run == EVERYTHING:
        raise ResultsUnusable(f"run {run}: several runs; name one")
    return read(folder, [run])


def read_trials(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """All runs of a results folder and their trials, oldest run first, without rounds and controls.

    Raises:
        ResultsUnusable: a folder without runs, or a file that cannot be read.
    """
    known = _known(folder)
    trials = _table(_files(folder / "trials", known), TRIALS)
    of_controls = trials["role"].eq(Role.CONTROL)
    runs = _table([folder / "runs" / f"{run_id}.parquet" for run_id in known], RUNS)
    return runs, trials[~of_controls].reset_index(drop=True)


def read_attempts(folder: Path, calibration_id: str = "") -> pd.DataFrame:
    """Tries of the calibrations in a results folder, of one or of all; empty where there are none."""
    pattern = f"{calibration_id}*.parquet"
    return _table(sorted((folder / CALIBRATION / "attempts").glob(pattern)), ATTEMPTS)


def _known(folder: Path) -> list[str]:
    known = run_ids(folder)
    if not known:
        raise ResultsUnusable(f"RESULTS={folder}: holds no runs; `make bench` makes one")
    return known


def _of_this_machine(attempts: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """The tries that were made where the runs were."""
    places = runs[_MACHINE].drop_duplicates()
    if len(places) != 1:
        return attempts.iloc[:0]
    return attempts.merge(places, on=_MACHINE)


def _files(folder: Path, ids: list[str]) -> list[Path]:
    """A trial's file is named after its run, so no file has to be opened to choose it."""
    return sorted(path for run_id in ids for path in folder.glob(f"{run_id}-*.parquet"))


def _certificates(folder: Path, runs: pd.DataFrame) -> list[Path]:
    wanted = dict.fromkeys(name for names in runs["certificate_ids"] if names is not None for name in names)
    return [path for name in wanted if (path := folder / "certificates" / f"{name}.parquet").is_file()]


def _table(paths: list[Path], schema: pa.Schema) -> pd.DataFrame:
    tables = [schema.empty_table(), *(_read(path, schema) for path in paths)]
    frame: pd.DataFrame = pa.concat_tables(tables).to_pandas()
    return frame


def _read(path: Path, schema: pa.Schema) -> pa.Table:
    try:
        table = pq.ParquetFile(path).read()
    except (OSError, pa.ArrowInvalid) as error:
        raise ResultsUnusable(f"{path}: cannot be read ({error})") from error
    versions = table.column("schema_version").to_pylist() if "schema_version" in table.column_names else []
    newest = max(versions, default=0)
    if newest > SCHEMA_VERSION:
        raise ResultsUnusable(
            f"{path}: written with schema {newest}, this version reads up to {SCHEMA_VERSION}; update it"
        )
    for field in schema:
        if field.name not in table.column_names:  # written before there was such a column
            table = table.append_column(field, pa.nulls(len(table), field.type))
    return table.select(schema.names).cast(schema)
