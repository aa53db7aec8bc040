"""What older versions wrote, in the words of this one: the one place where old columns are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pyarrow as pa

from harness.store.schema import CERTIFICATES

# Until schema 3 a finding had a column for each of the two frameworks.
_OLD_SIDES: Final = ("tensorflow", "pytorch")


def findings(table: pa.Table) -> pa.Table:
    """Findings of certificates, of whatever schema, in the columns of `CERTIFICATES`."""
    if "framework" in table.column_names:
        return table
    return pa.Table.from_pylist(finding_rows(table.to_pylist()), schema=CERTIFICATES)


def finding_rows(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """As `findings`, of rows."""
    return [
        new
        for row in rows
        for new in ([row] if "framework" in row else [_of(row, side) for side in _OLD_SIDES])
    ]


def _of(row: dict[str, Any], side: str) -> dict[str, Any]:
    """One framework's half of an old finding. What was not asked of it was held against the other's."""
    (other,) = (name for name in _OLD_SIDES if name != side)
    asked = row["bound"] is None and row["expected"] is not None
    return {name: row.get(name) for name in CERTIFICATES.names} | {
        "framework": side,
        "found": row[side],
        "expected": row["expected"] if row["bound"] is None else row[other],
        # A difference between two is neither's alone.
        "holds": row[side] == row["expected"] if asked else row["holds"],
    }
