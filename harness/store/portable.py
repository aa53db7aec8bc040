"""A run as plain values for a JSON file, and back: every column of every table, nothing interpreted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from harness.errors import ResultsUnusable
from harness.store import certificates, migration
from harness.store.naming import is_plain
from harness.store.schema import CERTIFICATES, ROUNDS, RUNS, SCHEMA_VERSION, TRIALS
from harness.store.schema.measured import TIME
from harness.store.tables import read_tables
from harness.store.writer import place

# Under this key of a pytest-benchmark file.
SECTION: Final = "evenmatch"

_TABLES: Final = {"runs": RUNS, "trials": TRIALS, "rounds": ROUNDS}


def pack(folder: Path, run_id: str) -> dict[str, Any]:
    """The rows of a run's tables, with the schema's version; times as ISO 8601.

    Raises:
        ResultsUnusable: a run that is not there, or a damaged file.
    """
    tables = read_tables(folder, run_id)
    rows = {name: [_plain(row) for row in table.to_pylist()] for name, table in tables.items()}
    return {"schema_version": SCHEMA_VERSION, "run_id": run_id, **rows}


def unpack(packed: Mapping[str, Any], folder: Path) -> str:
    """Write a packed run into a results folder; its identifier.

    Raises:
        ResultsUnusable: rows that are not a run's, of a newer schema, or of a run that is there already.
    """
    try:
        run_id, version = str(packed["run_id"]), int(packed["schema_version"])
        if version > SCHEMA_VERSION:
            raise ResultsUnusable(
                f"run {run_id}: written with schema {version}, this version reads up to {SCHEMA_VERSION}; "
                "update it"
            )
        rows = {name: packed[name] for name in _TABLES}
        rows |= {name: migration.match_rows(rows[name]) for name in ("trials", "rounds")}
        tables = {name: _table(rows[name], schema) for name, schema in _TABLES.items()}
        findings = _table(migration.finding_rows(packed[certificates.FOLDER]), CERTIFICATES)
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError, pa.ArrowException) as error:
        raise ResultsUnusable(f"what it holds is no run of this project ({error!r})") from error
    names = findings.column("certificate_id").unique().to_pylist()
    if not all(map(is_plain, [packed["run_id"], *names])):
        raise ResultsUnusable("what it holds is no run of this project (a name that is none)")
    if (folder / "runs" / f"{run_id}.parquet").exists():
        raise ResultsUnusable(f"run {run_id}: is in {folder} already; nothing was brought in")
    put(run_id, {**tables, certificates.FOLDER: findings}, folder)
    return run_id


def put(run_id: str, tables: Mapping[str, pa.Table], folder: Path) -> None:
    """Write a run's tables (`tables.read_tables`) into a results folder, in place of what there is of it.

    Raises:
        NotStored: one cannot be written.
    """
    findings = tables[certificates.FOLDER]
    for certificate_id in findings.column("certificate_id").unique().to_pylist():
        mine = pc.equal(findings.column("certificate_id"), certificate_id)
        place(findings.filter(mine), folder / certificates.FOLDER / f"{certificate_id}.parquet")
    # The run last: what is listed is whole.
    for name in ("rounds", "trials", "runs"):
        place(tables[name], folder / name / f"{run_id}.parquet")


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _told(value) for name, value in row.items()}


def _told(value: Any) -> Any:
    if isinstance(value, list):
        return [_told(one) for one in value]
    return value.isoformat() if isinstance(value, datetime) else value


def _table(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    times = [field.name for field in schema if pa.types.is_timestamp(field.type)]
    lists = [field.name for field in schema if field.type == pa.list_(TIME)]
    for row in rows:
        row |= {name: datetime.fromisoformat(row[name]) for name in times if row.get(name)}
        row |= {name: list(map(datetime.fromisoformat, row[name])) for name in lists if row.get(name)}
    return pa.Table.from_pylist(rows, schema=schema)
