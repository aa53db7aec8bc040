"""Parquet files become tables: a run's, whichever version wrote it and however its files lie."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import dataset

from harness.errors import ResultsUnusable
from harness.store import migration
from harness.store.naming import is_plain
from harness.store.parts import UNREADABLE, bundles, once, singles, whole
from harness.store.schema import CERTIFICATES, ROUNDS, RUNS, SCHEMA_VERSION, TRIALS

# So often files are looked for, while a run that goes on makes one of many.
_TRIES: Final = 3


def read_tables(folder: Path, run_id: str) -> dict[str, pa.Table]:
    """A run's tables as they are on disk, by the names of their folders.

    Raises:
        ResultsUnusable: a damaged file, or one written by a newer version.
    """
    runs = one_table([folder / "runs" / f"{run_id}.parquet"], RUNS)
    trials, rounds = read_matches(folder, run_id)
    return {
        "runs": runs,
        "trials": trials,
        "rounds": rounds,
        "certificates": findings(folder, runs.to_pandas()),
    }


def lost_trials(tables: Mapping[str, pa.Table]) -> int:
    """How many trials a run's row tells of that its tables lack; 0 where it tells of none."""
    counted = (tables["runs"].column(name).to_pylist() for name in ("trials_ok", "trials_failed"))
    told: int = sum(number or 0 for numbers in counted for number in numbers)
    return max(told - int(tables["trials"].num_rows), 0)


def read_matches(folder: Path, run_id: str) -> tuple[pa.Table, pa.Table]:
    """A run's trials and their rounds as they are on disk; else as `read_tables`."""
    return matches(folder / "trials", [run_id], TRIALS), matches(folder / "rounds", [run_id], ROUNDS)


def matches(folder: Path, ids: list[str], schema: pa.Schema, repeated: Sequence[str] = ()) -> pa.Table:
    """The runs' trials or rounds, also those that older versions wrote; else as `one_table`.

    Of each match what counts where it is in several files (`store.parts`).
    """
    both = pa.schema([*schema, *migration.OLD_COLUMNS.items()])

    def table(paths: list[Path]) -> pa.Table:
        return migration.matches(one_table(paths, both, repeated))

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


def one_table(paths: list[Path], schema: pa.Schema, repeated: Sequence[str] = ()) -> pa.Table:
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
    except UNREADABLE as error:
        raise ResultsUnusable(_damaged(paths) or f"{paths[0].parent}: cannot be read ({error})") from error
    return _known_version(table, paths).unify_dictionaries()


def findings(folder: Path, runs: pd.DataFrame) -> pa.Table:
    """Findings of the runs' certificates, also of those that older versions wrote."""
    wanted = dict.fromkeys(name for names in runs["certificate_ids"] if names is not None for name in names)
    paths = [folder / "certificates" / f"{name}.parquet" for name in wanted if is_plain(name)]
    paths = [path for path in paths if path.is_file()]
    tables = []
    for path in paths:
        try:
            found = migration.findings(pq.ParquetFile(path).read())
            tables.append(_known_version(found.select(CERTIFICATES.names).cast(CERTIFICATES), [path]))
        except UNREADABLE as error:
            raise ResultsUnusable(f"{path}: cannot be read ({error})") from error
    return pa.concat_tables([CERTIFICATES.empty_table(), *tables])


def _known_version(table: pa.Table, paths: list[Path]) -> pa.Table:
    newest = pc.max(table.column("schema_version")).as_py() or 0
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
        except UNREADABLE as error:
            return f"{path}: cannot be read ({error})"
    return None


def _newest(paths: list[Path]) -> Path:
    """The file with the newest schema."""
    return max(paths, key=lambda path: pq.read_table(path, columns=["schema_version"]).column(0)[0].as_py())
