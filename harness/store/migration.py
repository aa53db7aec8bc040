"""What older versions wrote, in the words of this one: the one place where old columns are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from harness.frameworks import registry
from harness.store.schema import CERTIFICATES


def findings(table: pa.Table) -> pa.Table:
    """Findings of certificates, of whatever schema, in the columns of `CERTIFICATES`."""
    if "framework" in table.column_names:
        return table
    return pa.Table.from_pylist(finding_rows(table.to_pylist()), schema=CERTIFICATES)


def finding_rows(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """As `findings`, of rows."""
    return [new for row in rows for new in ([row] if "framework" in row else _by_framework(row))]


def _by_framework(row: dict[str, Any]) -> list[dict[str, Any]]:
    """Until schema 3 a finding had a column for each of its two frameworks, called by its name."""
    first, second = (name for name in registry.names() if name in row)
    return [_of(row, first, second), _of(row, second, first)]


def _of(row: dict[str, Any], side: str, other: str) -> dict[str, Any]:
    """One framework's half of an old finding. What was not asked of it was held against the other's."""
    asked = row["bound"] is None and row["expected"] is not None
    return {name: row.get(name) for name in CERTIFICATES.names} | {
        "framework": side,
        "found": row[side],
        "expected": row["expected"] if row["bound"] is None else row[other],
        # A difference between two is neither's alone.
        "holds": row[side] == row["expected"] if asked else row["holds"],
    }
