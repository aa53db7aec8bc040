"""Records become parquet files: typed, one file a match at first, moved into place whole."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from harness.errors import NotStored, ResultsUnusable
from harness.settings.matches import Match
from harness.store.columns import plan_rows, rows_of
from harness.store.holding import is_held
from harness.store.parts import MANY, UNREADABLE, next_bundle, once, parts_of, singles, whole
from harness.store.placing import placed, remove_abandoned
from harness.store.schema import ATTEMPTS, CHANGES, PLANS, RESIDENTS, ROUNDS, RUNS, SCHEMA_VERSION, TRIALS
from harness.work.found import Attempt, Change
from harness.work.records import Trial

# Under this key every file carries the version of its columns.
VERSION_KEY: Final = b"evenmatch_schema_version"

# In the order in which they are written: a trial on disk always has its rounds.
_TABLES: Final = {"rounds": ROUNDS, "trials": TRIALS}

# A run's row takes a tenth of it.
ROOM_BYTES: Final = 2**18


class Store:
    """A results folder: `trials/`, `rounds/` and `runs/` of parquet files, and `logs/`.

    `pd.read_parquet` and DuckDB read each folder as one table.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.logs = folder / "logs"

    def prepare(self) -> None:
        """Make the folders and prove that files can be written.

        Raises:
            ResultsUnusable: when they cannot.
        """
        try:
            for name in ("trials", "rounds", "runs", "logs"):
                (self.folder / name).mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryFile(dir=self.folder / name):
                    pass
            for place in self.folder.iterdir():
                remove_abandoned(place)
            self.finish_gathering()
        except OSError as error:
            reason = error.strerror or str(error)
            raise ResultsUnusable(
                f"RESULTS={self.folder}: cannot be written ({reason}); use a folder that can"
            ) from error

    @contextmanager
    def room(self) -> Iterator[None]:
        """Hold a little of the disk while the block runs, so that on a full one its end can still be told.

        Raises:
            NotStored: there is not even that.
        """
        try:
            # It has no name: it ends with the process, whatever ends that.
            held = tempfile.TemporaryFile(dir=self.folder / "runs", buffering=0)  # noqa: SIM115  (closed below)
            held.write(os.urandom(ROOM_BYTES))
        except OSError as error:
            raise NotStored(f"{self.folder}: cannot be written ({error.strerror or error})") from error
        with held:
            yield

    def save_match(self, trials: Sequence[Trial]) -> None:
        """Write a match's trials and their rounds, in place of what there is of it.

        The trials come last, so that a trial on disk always has its rounds.
        """
        name = f"{trials[0].match_id}.parquet"
        rows = [rows_of(trial) for trial in trials]
        write_table(self.folder / "rounds" / name, [one for _, rounds in rows for one in rounds], ROUNDS)
        write_table(self.folder / "trials" / name, [row for row, _ in rows], TRIALS)
        if len(singles(self.folder / "trials", trials[0].run_id)) >= MANY:
            self._bundle(trials[0].run_id)

    def _bundle(self, run_id: str) -> None:
        """The files of many matches become one, while the run goes on."""
        parts = []
        for name, schema in _TABLES.items():
            found = singles(self.folder / name, run_id)
            _write_once(found, next_bundle(self.folder / name, run_id), schema)
            parts += found
        _remove(parts)

    def gather(self, run_id: str) -> None:
        """The files of a run that has ended become one a table.

        Raises:
            NotStored: when the one cannot be written; the others are then still there.
        """
        parts = []
        for name, schema in _TABLES.items():
            found, gathered = parts_of(self.folder / name, run_id), whole(self.folder / name, run_id)
            if found:
                _write_once([*found, *([gathered] if gathered.is_file() else [])], gathered, schema)
            parts += found
        _remove(parts)

    def finish_gathering(self) -> None:
        """Gather again what was cut short, but for runs that are being measured, or of another version."""
        runs = {path.stem for path in (self.folder / "runs").glob("[!.]*.parquet")}
        files = {path.stem for name in _TABLES for path in (self.folder / name).glob("[!.]*.parquet")}
        # There may be thousands of runs, and hardly ever one of which there are parts.
        parts = files - runs
        for run_id in (one for one in runs if any(part.startswith(f"{one}-") for part in parts)):
            gathered = whole(self.folder / "rounds", run_id)
            if gathered.is_file() and _is_todays(gathered) and not is_held(self.folder, run_id):
                # One that cannot be gathered is read as it is, and named by `inspection`.
                with suppress(NotStored):
                    self.gather(run_id)

    def save_attempts(self, attempts: Sequence[Attempt], where: Mapping[str, Any]) -> None:
        """Write a try of a calibration, with the columns of `where`: machine, versions, threads, length."""
        if not attempts:
            return
        rows = [{"schema_version": SCHEMA_VERSION, **where, **asdict(one)} for one in attempts]
        name = f"{attempts[0].calibration_id}-{attempts[0].number:05d}.parquet"
        write_table(self.folder / "attempts" / name, rows, ATTEMPTS)

    def save_residents(
        self, residents_id: str, rows: Sequence[Mapping[str, Any]], where: Mapping[str, Any]
    ) -> None:
        """Write what workers lose beside others, with the columns of `where`: machine, versions, threads."""
        told = {"schema_version": SCHEMA_VERSION, "residents_id": residents_id, **where}
        write_table(
            self.folder / "residents" / f"{residents_id}.parquet",
            [told | dict(one) for one in rows],
            RESIDENTS,
        )

    def save_change(self, change: Change, where: Mapping[str, Any]) -> None:
        """Write what a change did, with the columns of `where`: machine, versions, threads and data."""
        row = {"schema_version": SCHEMA_VERSION, **where, **asdict(change)}
        name = f"{change.explanation_id}-{change.replicate:03d}-{change.place:02d}.parquet"
        write_table(self.folder / "changes" / name, [row], CHANGES)

    def save_run(self, run: Mapping[str, Any]) -> None:
        """Write the run's row, replacing what was written of it before."""
        row = {"schema_version": SCHEMA_VERSION, **run}
        write_table(self.folder / "runs" / f"{run['run_id']}.parquet", [row], RUNS)

    def save_plan(self, run_id: str, matches: Iterable[Match]) -> None:
        """Write what a run is to measure, in its order, before it measures anything."""
        write_table(self.folder / "plans" / f"{run_id}.parquet", plan_rows(run_id, matches), PLANS)


def write_table(path: Path, rows: list[dict[str, Any]], schema: pa.Schema) -> None:
    """Write rows in the schema's columns, whole or not at all.

    Raises:
        NotStored: when the file cannot be written.
    """
    place(pa.Table.from_pylist(rows, schema=schema), path)


def place(table: pa.Table, path: Path) -> None:
    """Write a table at `path`, whole or not at all.

    Raises:
        NotStored: when the file cannot be written.
    """
    with _placed(path, table.schema) as write:
        write(table)


def _write_once(sources: Sequence[Path], path: Path, schema: pa.Schema) -> None:
    """What files hold in one, a file at a time; of a match what is in the first of them."""
    with _placed(path, schema) as write:
        for table in once(pq.ParquetFile(source).read().cast(schema) for source in sources):
            write(table)


@contextmanager
def _placed(path: Path, schema: pa.Schema) -> Iterator[Callable[[pa.Table], None]]:
    """Write tables into a file that stands at `path` once the block has ended.

    Raises:
        NotStored: when the file cannot be written.
    """
    told = schema.with_metadata({VERSION_KEY: str(SCHEMA_VERSION)})
    try:
        with placed(path) as file, pq.ParquetWriter(file, told, write_page_checksum=True) as writer:
            yield lambda table: writer.write_table(table.cast(told))
    except OSError as error:
        raise NotStored(f"{path}: cannot be written ({error.strerror or error})") from error
    except UNREADABLE as error:
        raise NotStored(f"{path}: cannot be written ({error})") from error


def _remove(paths: Sequence[Path]) -> None:
    """What is in another file by now; where that is cut short, nothing is lost, and is read once."""
    for path in paths:
        with suppress(OSError):
            path.unlink()


def _is_todays(path: Path) -> bool:
    """Whether a file can be read, and is of this version."""
    try:
        said = pq.read_schema(path).metadata or {}
    except UNREADABLE:
        return False
    return said.get(VERSION_KEY) == str(SCHEMA_VERSION).encode()
