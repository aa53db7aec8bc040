"""Findings become one row a certificate: does it hold, and if not, what was found."""

from __future__ import annotations

from typing import Any, Final

import pandas as pd

from harness.parity.certificate import Finding

_COLUMNS: Final = ["case_id", "certificate_id", "holds", "failed_check", "reason", "checks"]


def certified(findings: pd.DataFrame) -> pd.DataFrame:
    """Sum up findings (columns of `store.schema.CERTIFICATES`), one row a case, in order of appearance.

    Each framework in a case has a certificate of its own.

    Returns:
        `case_id`, `certificate_id`, `holds`; `failed_check` and `reason` of the first finding that does
        not hold, null where all do; `checks`, the number of different checks made. A case with several
        certificates holds when all of them do, and is told by the first that does not.
    """
    rows = [_row(group) for _, group in findings.groupby("case_id", sort=False)]
    return pd.DataFrame(rows, columns=_COLUMNS).astype({"holds": "bool"})


def _row(findings: pd.DataFrame) -> dict[str, Any]:
    failed = findings[~findings["holds"]]
    told = (failed if len(failed) else findings).iloc[0]
    return {
        "case_id": told["case_id"],
        "certificate_id": told["certificate_id"],
        "holds": failed.empty,
        "failed_check": None if failed.empty else told["check"],
        "reason": None if failed.empty else f"{told['framework']}: {sentence(told.to_dict())}",
        "checks": findings["check"].nunique(),
    }


def sentence(row: dict[Any, Any]) -> str:
    """A stored finding in words."""
    values: dict[str, Any] = {
        name: None if pd.isna(row[name]) else row[name] for name in Finding.__dataclass_fields__
    }
    return Finding(**values).sentence
