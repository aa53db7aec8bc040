"""What older versions wrote, in the words of this one: the one place where old columns are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from harness.frameworks import registry
from harness.store.schema import CERTIFICATES
from harness.work.workload import USUAL_HIDDEN, shape

# What trials and rounds were called by until schema 4, in which a match was a pair of two sides.
OLD_COLUMNS: Final = {"pair_id": pa.string(), "side": pa.string(), "turn": pa.int8()}

# Of schemas.
_LAST_LEARNING_IN_TURNS: Final = 5

# What a column that an older version did not have would have said: every network had one hidden layer, and
# every contender one worker.
_UNTOLD: Final = {"hidden": shape(USUAL_HIDDEN), "workers": 1}

_OLD_SEATS: Final = {"a": 0, "b": 1}
_OLD_CALLS: Final = {"a faster": "first faster", "b faster": "second faster"}


def matches(table: pa.Table) -> pa.Table:
    """Trials or rounds of whatever schema, in today's columns.

    Args:
        table: today's columns and `OLD_COLUMNS`, each null where a row's version does not know it.
    """
    today = [name for name in table.column_names if name not in OLD_COLUMNS]
    # A batch is of one file, and so in the columns of one version.
    batches = [_seated(batch).select(today) for batch in table.to_batches() if batch.num_rows]
    schema = table.select(today).schema
    return _told(pa.Table.from_batches(batches, schema)) if batches else schema.empty_table()


def _told(table: pa.Table) -> pa.Table:
    """What was the same in all that older versions measured, in the columns that say it by now."""
    for name, value in _UNTOLD.items():
        if name in table.column_names:
            number = table.column_names.index(name)
            filled = pc.fill_null(table.column(number), value)
            table = table.set_column(number, table.schema.field(number), filled)
    return table


def _seated(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Trials or rounds of one version, with what an older one called otherwise under today's names."""
    if not batch.column("match_id").null_count:
        return batch
    old = {
        "match_id": batch.column("pair_id"),
        "seat": pc.index_in(batch.column("side"), pa.array(list(_OLD_SEATS))),
        "contender": pc.binary_join_element_wise(
            batch.column("framework").cast(pa.string()), batch.column("case_id").cast(pa.string()), "/"
        ),
        "place": batch.column("turn"),
    }
    for number, field in enumerate(batch.schema):
        if field.name in old:
            batch = batch.set_column(number, field, old[field.name].cast(field.type))
    return batch


def match_rows(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """As `matches`, of rows."""
    return [_UNTOLD | (row if "match_id" in row else _seated_row(row)) for row in rows]


def _seated_row(row: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in row.items() if name not in OLD_COLUMNS}
    return kept | {
        "match_id": row["pair_id"],
        "seat": _OLD_SEATS.get(row.get("side") or ""),
        "contender": f"{row['framework']}/{row['case_id']}",
        "place": row.get("turn"),
    }


def learned_in_turns(trials: pd.DataFrame) -> pd.Series:
    """Which trials are of a version whose comparisons trained to the end of their epochs, in their turns."""
    return trials["schema_version"] <= _LAST_LEARNING_IN_TURNS


def attempts(table: pa.Table) -> pa.Table:
    """Tries of calibrations, of whatever schema, as they are called today."""
    number = table.column_names.index("says")
    said = [_OLD_CALLS.get(says, says) for says in table.column(number).to_pylist()]
    return table.set_column(number, table.schema.field(number), pa.array(said, pa.string()))


def findings(table: pa.Table) -> pa.Table:
    """Findings of certificates, of whatever schema, in the columns of `CERTIFICATES`.

    Null in a column that a file was written before.
    """
    if "framework" in table.column_names:
        for field in CERTIFICATES:
            if field.name not in table.column_names:
                table = table.append_column(field, pa.nulls(len(table), field.type))
        return _told(table)
    return pa.Table.from_pylist(finding_rows(table.to_pylist()), schema=CERTIFICATES)


def finding_rows(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """As `findings`, of rows."""
    return [
        _UNTOLD | new
        for row in rows
        for new in ([row] if "framework" in row else _by_framework(_UNTOLD | row))
    ]


def _by_framework(row: dict[str, Any]) -> list[dict[str, Any]]:
    """Until schema 3 a finding had a column for each of its two frameworks, called by its name."""
    first, second = (name for name in registry.names() if name in row)
    return [_of(row, first, second), _of(row, second, first)]


def _of(row: dict[str, Any], framework: str, other: str) -> dict[str, Any]:
    """One framework's half of an old finding. What was not asked of it was held against the other's."""
    asked = row["bound"] is None and row["expected"] is not None
    return {name: row.get(name) for name in CERTIFICATES.names} | {
        "framework": framework,
        "found": row[framework],
        "expected": row["expected"] if row["bound"] is None else row[other],
        # A difference between two is neither's alone.
        "holds": row[framework] == row["expected"] if asked else row["holds"],
    }
