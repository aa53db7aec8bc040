"""What is said of runs, for other programs: JSON, CSV, Markdown, and github-action-benchmark's format.

The JSON's shape is described in docs/OUTPUT.md. It only grows: a field is neither renamed nor removed without
a new `shape`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import pandas as pd

from harness.analysis.certified import certified
from harness.analysis.closing import closing
from harness.analysis.explanation import explanation
from harness.analysis.hosts import states
from harness.analysis.kinds import case_of, hosts, kinds, parts
from harness.analysis.of_trials import compared, pairs
from harness.analysis.throughput import throughput
from harness.analysis.verdicts import OF_HOSTS, control
from harness.frameworks import registry
from harness.report import words
from harness.report.pages.context import Table
from harness.report.sentences import why
from harness.report.sentences.answer import all_answers, judge, judge_ways
from harness.report.sentences.closed import as_fields
from harness.report.sentences.roofline import roofs
from harness.report.sentences.scaling import scaled
from harness.report.sentences.unfinished import unfinished
from harness.store.frames import Frames

SHAPE: Final = 1

_RUN: Final = [
    "run_id", "status", "stopped_because", "started_at", "wall_s", "trials_planned", "trials_ok",
    "trials_failed", "hostname", "cpu_model", "threads", *(one.version_column for one in registry.records()),
    "harness_version", "git_commit", "command",
]  # fmt: skip
_WINGS: Final = ["replicates", "samples_per_s", "samples_per_s_low", "samples_per_s_high"]


class Format(StrEnum):
    CSV = "csv"
    JSON = "json"
    MARKDOWN = "markdown"
    GITHUB = "github-action-benchmark"


def exported(runs: Sequence[Frames], form: Format, together: Frames | None = None) -> str:
    """What runs say, each by itself, as text of the wanted format that ends with a line break.

    `runs` are frames of one run each. `together` are those of all, told apart by kind of hardware: JSON says
    what each kind comes to, and tables name it where there are several.
    """
    kinds: dict[str, str] = {}
    if together is not None and not together.kinds.empty:
        kinds = dict(together.kinds[["run_id", "full"]].to_numpy())
    write: dict[Format, Callable[[], str]] = {
        Format.CSV: lambda: _flat(runs, kinds).to_csv(index=False, lineterminator="\n"),
        Format.JSON: lambda: as_json(document(runs, together=together)),
        Format.MARKDOWN: lambda: "\n".join(
            [*(markdown(table) for table in _tables(runs, kinds)), *map(_line, _cut_short(runs))]
        ),
        Format.GITHUB: lambda: as_json([entry for run in runs for entry in _github(run)]),
    }
    return write[form]()


def document(
    runs: Sequence[Frames],
    *,
    together: Frames | None = None,
    results: Path | None = None,
    page: Path | None = None,
) -> dict[str, Any]:
    """Runs with their answers, verdicts, speeds, refusals and control; null where there is nothing to say.

    `together` as in `exported`.
    """
    return {
        "shape": SHAPE,
        "runs": [_run(frames) for frames in runs],
        **({} if together is None else {"kinds": _kinds(together)}),
        "results": None if results is None else str(results),
        "page": None if page is None else str(page),
    }


def explained(frames: Frames, *, results: Path | None = None, page: Path | None = None) -> dict[str, Any]:
    """An explanation with its sentences, its rows, and how surely it closes; `frames` are of one."""
    (run,) = records(frames.runs[_RUN])
    measured = not frames.changes.empty
    return {
        "shape": SHAPE,
        **run,
        "answers": why.explained(frames.changes) if measured else [],
        "changes": records(explanation(frames.changes)) if measured else [],
        "closing": as_fields(closing(frames.changes)) if measured else None,
        "results": None if results is None else str(results),
        "page": None if page is None else str(page),
    }


def _run(frames: Frames) -> dict[str, Any]:
    (run,) = records(frames.runs[_RUN])
    speeds = throughput(frames.trials)
    return run | {
        "answers": [f"{one.where}: {one.says}." for one in all_answers(frames)],
        "verdicts": [_verdict(row, speeds) for row in records(judge(frames))],
        "ways": [_told(row) for row in records(judge_ways(frames))],
        "roofline": [_told(row) for row in records(roofs(frames))],
        "scaling": [_told(row) for row in records(scaled(frames))],
        "uncertified": _uncertified(frames),
        "control": _control(frames),
    }


def _kinds(together: Frames) -> list[dict[str, Any]]:
    found = states(together)
    named = found["kind"].drop_duplicates()
    return [
        _kind(one, found[found["kind"] == name]) for one, name in zip(parts(together), named, strict=True)
    ]


def _kind(of_kind: Frames, found: pd.DataFrame) -> dict[str, Any]:
    """What all runs on one kind of hardware come to, and its hosts, of `hosts.states`."""
    described = kinds(of_kind.runs, compared(of_kind.trials, of_kind.certificates))
    if len(of_kind.kinds):
        described = of_kind.kinds
    return {
        "kind": described["full"].iloc[0],
        "runs": list(of_kind.runs["run_id"]),
        "hosts": records(found.drop(columns="kind")),
        "verdicts": [_of_kind(row) for row in records(judge(of_kind))],
        "control": _control(of_kind),
    }


def _of_kind(row: Mapping[str, Any]) -> dict[str, Any]:
    """A verdict of a kind, its case as runs name it; of one host there is nothing to tell of several."""
    alone = {str(name): 1 if name == "hosts" else None for name in OF_HOSTS}
    shown = {name: value for name, value in _told(row).items() if name != "kind"}
    return alone | shown | {"case_id": case_of(row["case_id"])}


def as_json(value: Any) -> str:
    """JSON that every reader and every terminal takes: no NaN, ASCII alone, a line break at its end."""
    return json.dumps(value, indent=2, allow_nan=False) + "\n"


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as plain values: None where nothing is known, times as text."""
    return [{str(name): _plain(value) for name, value in row.items()} for row in frame.to_dict("records")]


def markdown(table: Table) -> str:
    """A table as GitHub and most other renderers of Markdown take it."""
    marks = ["---:" if numeric else "---" for numeric in table.numeric]
    lines = [table.headers, tuple(marks), *table.rows]
    return "".join("| " + " | ".join(escaped(cell) for cell in line) + " |\n" for line in lines)


def escaped(text: str) -> str:
    """Text that ends no cell and starts no markup in Markdown."""
    inert = text.replace("&", "&amp;").replace("<", "&lt;")
    return "".join(f"\\{char}" if char in "\\|*_`[]" else char for char in inert)


def _plain(value: Any) -> Any:
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.isoformat() if isinstance(value, pd.Timestamp) else value


def _verdict(row: Mapping[str, Any], speeds: pd.DataFrame) -> dict[str, Any]:
    """A verdict with its two frameworks' own speeds. What is shown only is left to the page."""
    own = speeds[(speeds["case_id"] == row["case_id"]) & (speeds["phase"] == row["phase"])]
    sides = {one["framework"]: {name: one[name] for name in _WINGS} for one in records(own)}
    kept = {name: value for name, value in row.items() if name not in {"panel", "label"}}
    return kept | {name: sides.get(name) for name in (row["speed_of"], row["speed_over"])}


def _told(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row without what is for the page alone."""
    return {name: value for name, value in row.items() if name not in {"panel", "label"}}


def _uncertified(frames: Frames) -> list[dict[str, Any]]:
    proofs = certified(frames.certificates)
    return records(proofs.loc[~proofs["holds"], ["case_id", "failed_check", "reason"]])


def _control(frames: Frames) -> dict[str, Any] | None:
    judged = control(frames.controls, frames.control_rounds, hosts=hosts(frames))
    if judged is None or judged.interval is None:
        return None
    interval = judged.interval
    return {
        "speed_ratio": interval.estimate,
        "speed_ratio_low": interval.low,
        "speed_ratio_high": interval.high,
        "replicates": interval.replicates,
        "called_different": judged.verdict.endswith("faster"),
    }


def _flat(runs: Sequence[Frames], kinds: Mapping[str, str]) -> pd.DataFrame:
    """One row a run and verdict; a framework's speeds in columns that begin with its name.

    Where there are several kinds of hardware, `kinds` has that of each run.
    """
    rows = []
    for run in document(runs)["runs"]:
        for one in run["verdicts"]:
            sides = {name: one.pop(name) or {} for name in (one["speed_of"], one["speed_over"])}
            wings = {f"{name}_{wing}": side.get(wing) for name, side in sides.items() for wing in _WINGS}
            kind = {"kind": kinds[run["run_id"]]} if kinds else {}
            rows.append({"run_id": run["run_id"], **kind, **one, **wings, "run_status": run["status"]})
    return pd.DataFrame(rows)


def _tables(runs: Sequence[Frames], kinds: Mapping[str, str]) -> list[Table]:
    """A table for every two frameworks that were compared."""
    by_pair: dict[tuple[str, str], list[Frames]] = {}
    for run in runs:
        for pair in pairs(compared(run.trials, run.certificates)):
            by_pair.setdefault(pair, []).append(run)
    return [_table(pair, own, kinds) for pair, own in by_pair.items()]


def _table(pair: tuple[str, str], runs: Sequence[Frames], kinds: Mapping[str, str]) -> Table:
    speeds = tuple(f"{words.framework(name)} samples/s" for name in pair)
    rows = [row for row in records(_flat(runs, kinds)) if (row["speed_of"], row["speed_over"]) == pair]
    return Table(
        caption=words.speed_over(pair),
        headers=(
            "run",
            *(["kind"] if kinds else []),
            "case",
            "phase",
            *speeds,
            "ratio",
            "interval",
            "replicates",
            "verdict",
        ),
        rows=tuple(_shown(row, pair) for row in rows),
        numeric=(*([False] if kinds else []), False, False, False, True, True, True, True, True, False),
    )


def _shown(row: Mapping[str, Any], pair: tuple[str, str]) -> tuple[str, ...]:
    return (
        words.plain(row["run_id"]),
        *([words.plain(row["kind"])] if "kind" in row else []),
        words.plain(row["case_id"]),
        row["phase"],
        *(words.number(row[f"{name}_samples_per_s"]) for name in pair),
        words.ratio(row["speed_ratio"]),
        words.interval(row["speed_ratio_low"], row["speed_ratio_high"]),
        words.count(row["replicates"]),
        words.MISSING if row["verdict"] is None else row["verdict"],
    )


def _cut_short(runs: Sequence[Frames]) -> list[str]:
    """A sentence a run that did not finish."""
    return [sentence for run in runs for sentence in unfinished(run.runs)]


def _line(sentence: str) -> str:
    return f"{escaped(sentence)}\n"


def _github(frames: Frames) -> list[dict[str, Any]]:
    """`customBiggerIsBetter` of github-action-benchmark: an entry a case, phase, framework and run."""
    cut_short = "".join(f". {sentence}" for sentence in _cut_short([frames]))
    return [
        {
            "name": f"{row['case_id']} {row['phase']} {row['framework']}",
            "unit": "samples/s",
            "value": row["samples_per_s"],
            "range": words.interval(row["samples_per_s_low"], row["samples_per_s_high"], words.number),
            "extra": f"run {row['run_id']}, {words.plural(row['replicates'], 'replicate')}{cut_short}",
        }
        for row in records(throughput(frames.trials))
    ]
