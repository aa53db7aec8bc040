"""Certificates on disk: `certificates/<id>.parquet`, one row a finding, and what a verdict asks of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow.parquet as pq

from harness.parity.certificate import Certificate, Finding
from harness.store.parts import UNREADABLE
from harness.store.schema import CERTIFICATES, SCHEMA_VERSION
from harness.store.writer import write_table
from harness.work.workload import Case, Dataset, shape

FOLDER: Final = "certificates"

_SUMMARY: Final = {
    "case_id": "str",
    "framework": "str",
    "certificate_id": "str",
    "holds": "bool",
    "failed_check": "str",
    "reason": "str",
}


def save(results: Path, certificate: Certificate) -> None:
    """Write a certificate, replacing what was written under its id before.

    Raises:
        NotStored: when it cannot be written.
    """
    write_table(_path(results, certificate.id), _rows(certificate), CERTIFICATES)


def load(results: Path, certificate_id: str, case: Case) -> Certificate | None:
    """The certificate with this id; None where there is none that can be read."""
    try:
        rows = pq.ParquetFile(_path(results, certificate_id)).read().select(CERTIFICATES.names).to_pylist()
    except UNREADABLE:
        return None
    if not rows:
        return None
    named = [field.name for field in fields(Finding)]
    findings = tuple(Finding(**{name: row[name] for name in named}) for row in rows)
    first = rows[0]
    return Certificate(
        id=certificate_id, case=case, framework=first["framework"], findings=findings, wall_s=first["wall_s"]
    )


def summary(certificates: Sequence[Certificate]) -> pd.DataFrame:
    """One row a certificate, as `analysis.verdicts` takes them; nulls for what did not fail."""
    rows = []
    for certificate in certificates:
        failure = certificate.first_failure
        rows.append(
            {
                "case_id": certificate.case.id,
                "framework": certificate.framework,
                "certificate_id": certificate.id,
                "holds": certificate.holds,
                "failed_check": failure.check if failure else None,
                "reason": certificate.reason,
            }
        )
    return pd.DataFrame(rows, columns=list(_SUMMARY)).astype(_SUMMARY)


def _path(results: Path, certificate_id: str) -> Path:
    return results / FOLDER / f"{certificate_id}.parquet"


def _rows(certificate: Certificate) -> list[dict[str, Any]]:
    case, work = certificate.case, certificate.case.workload
    shared = {
        "schema_version": SCHEMA_VERSION,
        "certificate_id": certificate.id,
        "case_id": case.id,
        "framework": certificate.framework,
        "device": case.device,
        "mode": case.mode.value,
        "update": case.update.value,
        "precision": work.precision.value,
        "dataset": work.dataset.value,
        "synthetic": work.dataset is Dataset.SYNTHETIC,
        "batch_size": work.batch_size,
        "hidden": shape(work.hidden),
        "workers": certificate.case.workers,
        "epochs": work.epochs,
        "train_samples": work.train_samples,
        "seed": work.seed,
        "certificate_holds": certificate.holds,
        "wall_s": certificate.wall_s,
    }
    return [
        {
            **shared,
            "finding": number,
            "check": finding.check,
            "quantity": finding.quantity,
            "expected": finding.expected,
            "found": finding.found,
            "difference": finding.difference,
            "bound": finding.bound,
            "meaning": finding.meaning,
            "holds": finding.holds,
        }
        for number, finding in enumerate(certificate.findings)
    ]
