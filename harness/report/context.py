"""What the page says, as strings ready to print: the template only places them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from harness.report import words
from harness.report.answer import Answer
from harness.store.frames import Frames
from harness.workload import FULL_TRAIN_SAMPLES


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Cells as strings. `numeric` says which columns are set flush right."""

    caption: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One heading of the page. `svg` is None when the figure is not drawn, `reason` then says why."""

    name: str
    title: str
    intro: str
    svg: str | None = None
    reason: str | None = None
    table: Table | None = None
    table_open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Everything that the template prints."""

    title: str
    subject: str
    answers: tuple[Answer, ...]
    evaluation_answers: tuple[Answer, ...]
    warnings: tuple[str, ...]
    sections: tuple[Section, ...]
    command: str
    footer: str


Column = tuple[str, str, Callable[[Any], str] | None]


def table(caption: str, frame: pd.DataFrame, columns: Sequence[Column]) -> Table:
    """A table of `frame`: each column is (heading, column name, formatter or None for text)."""
    return Table(
        caption=caption,
        headers=tuple(heading for heading, _, _ in columns),
        rows=tuple(
            tuple(_cell(row[name], form) for _, name, form in columns) for row in frame.to_dict("records")
        ),
        numeric=tuple(form is not None for _, _, form in columns),
    )


def _cell(value: Any, form: Callable[[Any], str] | None) -> str:
    if value is None or value is pd.NaT or (not isinstance(value, str) and pd.isna(value)):
        return words.MISSING
    return str(value) if form is None else form(value)


def warnings(frames: Frames) -> tuple[str, ...]:
    """What a reader must know before any number: synthetic data, part of the data, failures, a cut run."""
    trials, said = frames.trials, []
    if trials["synthetic"].any():
        said.append(
            "Synthetic data: these images were made up, so accuracies mean nothing outside this page."
        )
    reduced = sorted(set(trials.loc[trials["train_samples"] < FULL_TRAIN_SAMPLES, "train_samples"]))
    if reduced:
        sizes = words.listed(words.count(size) for size in reduced)
        said.append(
            f"Trained on {sizes} of the {words.count(FULL_TRAIN_SAMPLES)} training samples: good for trying "
            "the harness, not for quoting."
        )
    touched = trials.loc[trials["certified"].eq(False), "case_id"].unique()  # noqa: FBT003  (a value to match)
    if len(touched):
        said.append(
            f"Measured in spite of a failed certificate, so without a verdict: {words.listed(touched)}."
        )
    failed = int((trials["status"] != "ok").sum())
    if failed:
        said.append(f"{failed} of {words.plural(len(trials), 'trial')} failed; see Failures.")
    cut = frames.runs[frames.runs["status"] != "finished"]
    said += [
        f"Run {run['run_id']} did not finish ({run['stopped_because'] or 'it was ended from outside'})."
        for run in cut.to_dict("records")
    ]
    return tuple(said)


def subject(frames: Frames) -> str:
    """On what: workload, machine, versions, in one sentence."""
    run = frames.runs.iloc[-1]
    cases = pd.concat([frames.trials[["dataset", "device"]], frames.certificates[["dataset", "device"]]])
    data = words.listed(words.dataset(name) for name in cases["dataset"].unique())
    threads = words.listed(
        words.plural(int(count), "thread") for count in sorted(set(frames.runs["threads"]))
    )
    gpus = list(run["gpu_names"]) if run["gpu_names"] is not None else []
    on_gpu = any(device != "cpu" for device in cases["device"])
    hardware = words.listed([*(gpus if on_gpu else []), str(run["cpu_model"] or "an unnamed processor")])
    return (
        f"A multilayer perceptron (784-128-10, ReLU, dropout 0.2, Adam) on {data}, with TensorFlow "
        f"{run['tensorflow_version']} and PyTorch {run['torch_version']}, {threads}, on {hardware} "
        f"({words.count(run['cpu_usable'])} usable cores)."
    )


def environment(frames: Frames) -> pd.DataFrame:
    """Provenance of the latest run as rows of what and value."""
    run = frames.runs.iloc[-1]
    rows = [
        ("run", run["run_id"]),
        ("started", f"{run['started_at']:%Y-%m-%d %H:%M:%S} UTC"),
        ("ended because", run["stopped_because"]),
        ("host", run["hostname"]),
        ("system", run["os"]),
        ("processor", run["cpu_model"]),
        ("cores: usable, physical, logical", _joined(run, ["cpu_usable", "cpu_physical", "cpu_logical"])),
        ("memory", words.mebibytes(run["memory_bytes"])),
        ("GPUs", words.listed(run["gpu_names"]) if len(run["gpu_names"]) else f"none: {run['gpu_reason']}"),
        ("GPU driver", run["gpu_driver"]),
        ("Python", run["python_version"]),
        ("TensorFlow, Keras", _joined(run, ["tensorflow_version", "keras_version"])),
        ("PyTorch", run["torch_version"]),
        ("evenmatch", _joined(run, ["harness_version", "git_commit"])),
        ("uncommitted changes", _yes(run["git_dirty"])),
        ("threads of each framework", words.count(run["threads"])),
        ("processors busy before the run", words.share(run["cpu_busy_before"], 0)),
        ("load before, after", _joined(run, ["load_1min_start", "load_1min_end"])),
        *json.loads(run["environment_json"] or "{}").items(),
    ]
    return pd.DataFrame(rows, columns=["what", "value"])


def _joined(run: pd.Series, names: Iterable[str]) -> str:
    values = [run[name] for name in names]
    return ", ".join(
        words.MISSING if pd.isna(value) else f"{value:g}" if isinstance(value, float) else str(value)
        for value in values
    )


def _yes(value: Any) -> str | None:
    return None if pd.isna(value) else "yes" if value else "no"
