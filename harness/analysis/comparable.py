"""May two runs be compared, and in what do they differ? Frames in; obstacles and differences out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from harness.analysis.certified import certified
from harness.frameworks import registry
from harness.store.frames import Frames

# Columns of the runs table that name the machine: a ratio across two values of them compares machines.
MACHINE: Final = ("hostname", "cpu_model", "cpu_usable", "gpu_names")

# What belongs to the run itself, and is expected to differ.
_OWN: Final = {
    "run_id", "status", "started_at", "finished_at", "resumed_at", "wall_s", "timed_s", "command",
    "trials_planned", "trials_ok", "trials_failed", "stopped_because", "certificate_ids", "load_1min_start",
    "load_1min_end", "cpu_busy_before", "memory_available_bytes",
}  # fmt: skip

# Columns that hold many settings, and what these are called.
_NESTED: Final = {"config_json": "config", "environment_json": "environment", "packages_json": "packages"}
_PLACES: Final = {"config.results", "config.reports", "config.data_dir"}

# What is said of a setting that the other run has and this one has not.
_ABSENT: Final = "absent"

# What makes the work of a case, beside what its name says.
_WORK: Final = ("synthetic", "train_samples", "test_samples", "eval_batch_size", "data_sha256")


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """Why a ratio of two runs would not mean what it says; `machine` where it would compare machines."""

    key: str
    a: str
    b: str
    machine: bool = False


def obstacles(a: Frames, b: Frames) -> Iterator[Obstacle]:
    """What stands in the way of comparing one run with another; nothing where nothing does.

    Both frames hold one run. Threads, the frameworks, the data and each shared case's certificate have to be
    the same in both (the certificate: to hold), and so has the machine.
    """
    run_a, run_b = _run(a), _run(b)
    for key in (*MACHINE, "threads"):
        said_a, said_b = _said(run_a[key]), _said(run_b[key])
        if said_a != said_b:
            yield Obstacle(key=key, a=said_a, b=said_b, machine=key in MACHINE)
    frameworks_a, frameworks_b = (_frameworks(one) for one in (a, b))
    if frameworks_a != frameworks_b:
        yield Obstacle(key="frameworks", a=frameworks_a, b=frameworks_b)
    shared = [case_id for case_id in a.trials["case_id"].unique() if case_id in set(b.trials["case_id"])]
    if not shared:
        yield Obstacle(key="cases", a=_cases(a), b=_cases(b))
    for case_id in shared:
        yield from _of_case(case_id, a, b)


def differences(a: Frames, b: Frames) -> pd.DataFrame:
    """In what the provenance of two runs differs: one row a column or setting, `what`, `a` and `b`."""
    return differing(_run(a), _run(b))


def differing(a: dict[str, Any], b: dict[str, Any]) -> pd.DataFrame:
    """As `differences`, of the rows of two runs, or of one and of what would be stored of it now."""
    facts_a, facts_b = dict(_facts(a)), dict(_facts(b))
    rows = [
        {"what": what, "a": facts_a.get(what, _ABSENT), "b": facts_b.get(what, _ABSENT)}
        for what in dict.fromkeys([*facts_a, *facts_b])
        if facts_a.get(what) != facts_b.get(what)
    ]
    return pd.DataFrame(rows, columns=["what", "a", "b"])


def _run(frames: Frames) -> dict[str, Any]:
    return {str(name): value for name, value in frames.runs.iloc[-1].items()}


def _of_case(case_id: str, a: Frames, b: Frames) -> Iterator[Obstacle]:
    rows_a, rows_b = (frames.trials[frames.trials["case_id"] == case_id] for frames in (a, b))
    for key in _WORK:
        said_a, said_b = _values(rows_a[key]), _values(rows_b[key])
        if said_a != said_b and said_a and said_b:
            yield Obstacle(key=f"{key} of {case_id}", a=said_a, b=said_b)
    proof_a, proof_b = _proof(a, case_id), _proof(b, case_id)
    if (proof_a, proof_b) != ("holds", "holds"):
        yield Obstacle(key=f"certificate of {case_id}", a=proof_a, b=proof_b)


def _proof(frames: Frames, case_id: str) -> str:
    proofs = certified(frames.certificates[frames.certificates["case_id"] == case_id])
    if proofs.empty:
        return "none"
    proof = proofs.iloc[0]
    return "holds" if proof["holds"] else f"failed at {proof['failed_check']}"


def _frameworks(frames: Frames) -> str:
    return ", ".join(registry.in_order(frames.trials["framework"].unique())) or "none"


def _cases(frames: Frames) -> str:
    return ", ".join(frames.trials["case_id"].unique()) or "none"


def _values(column: pd.Series) -> str:
    """All values of a column; empty where none is known, as in a failed trial or an older file."""
    return ", ".join(sorted(map(str, column.dropna().unique())))


def _facts(run: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in run.items():
        if name in _NESTED:
            nested = json.loads(value) if isinstance(value, str) else {}
            yield from (
                (f"{_NESTED[name]}.{key}", _said(one))
                for key, one in nested.items()
                if f"{_NESTED[name]}.{key}" not in _PLACES
            )
        elif name not in _OWN:
            yield name, _said(value)


def _said(value: Any) -> str:
    if value is None or (not hasattr(value, "__len__") and pd.isna(value)):
        return "unknown"
    if not isinstance(value, str) and hasattr(value, "__len__"):
        return ", ".join(map(str, value)) or "none"
    return str(value)
