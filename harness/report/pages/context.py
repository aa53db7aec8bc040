"""What the page says, as strings ready to print: the template only places them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from harness.analysis.of_trials import compared
from harness.frameworks import registry
from harness.report import words
from harness.report.sentences.cases import size_of
from harness.report.sentences.hosts import warned
from harness.report.sentences.ratios import Answer
from harness.report.sentences.unfinished import unfinished
from harness.store.frames import Frames
from harness.work.workload import CLASSES, FULL_TRAIN_SAMPLES, INPUT_FEATURES, USUAL_HIDDEN, shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Cells as strings. `numeric` says which columns are set flush right."""

    caption: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One heading of the page. `svg` is None when the figure is not drawn, `reason` then says why.

    `points` are sentences listed below the intro.
    """

    name: str
    title: str
    intro: str
    points: tuple[str, ...] = ()
    svg: str | None = None
    reason: str | None = None
    table: Table | None = None
    table_open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Everything that the template prints; `case_answers` are folded away, where they are summed up."""

    title: str
    subject: str
    answers: tuple[Answer, ...]
    case_answers: tuple[Answer, ...] = ()
    evaluation_answers: tuple[Answer, ...]
    warnings: tuple[str, ...]
    sections: tuple[Section, ...]
    commands: tuple[str, ...]
    commits: str
    footer: str


Column = tuple[str, str, Callable[[Any], str] | None]

# Keeps the page small however much was measured; results/ has every row.
MOST_ROWS: Final = 500


def table(caption: str, frame: pd.DataFrame, columns: Sequence[Column]) -> Table:
    """A table of `frame`: each column is (heading, column name, formatter or None for text)."""
    shown = frame.head(MOST_ROWS)
    if len(shown) < len(frame):
        caption += f" (the first {MOST_ROWS} of {words.count(len(frame))} rows; all are in results/)"
    return Table(
        caption=caption,
        headers=tuple(heading for heading, _, _ in columns),
        rows=tuple(
            tuple(_cell(row[name], form) for _, name, form in columns) for row in shown.to_dict("records")
        ),
        numeric=tuple(form is not None for _, _, form in columns),
    )


def _cell(value: Any, form: Callable[[Any], str] | None) -> str:
    if value is None or value is pd.NaT or (not isinstance(value, str) and pd.isna(value)):
        return words.MISSING
    return words.plain(value) if form is None else form(value)


# What two runs must share for their replicates to answer one question; hosts are blocks (`analysis.blocks`).
_PLACE: Final = {
    "cpu_model": "processor",
    "cpu_usable": "usable cores",
    "gpu_driver": "GPU driver",
    "python_version": "Python version",
    **{one.version_column: f"{one.label} version" for one in registry.records()},
    "threads": "threads",
}


def warnings(frames: Frames) -> tuple[str, ...]:
    """What a reader must know before any number: synthetic data, part of the data, failures, a cut run."""
    trials, said = pd.concat([frames.of_all_ways, frames.trainings]), []
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
            "Measured in spite of a failed certificate, so without a verdict: "
            f"{words.listed(words.plain(case_id) for case_id in touched)}."
        )
    said += [
        caution
        for one in registry.records()
        for recorded, caution in one.cautions.items()
        if trials.loc[trials["framework"].eq(one.name), "effective_json"]
        .str.contains(recorded, regex=False, na=False)
        .any()
    ]
    failed = int((trials["status"] != "ok").sum())
    if failed:
        said.append(f"{failed} of {words.plural(len(trials), 'trial')} failed; see Failures.")
    return (*said, *_mixed(frames), *warned(frames), *unfinished(frames.runs))


def _mixed(frames: Frames) -> Iterator[str]:
    """That runs are of several kinds of hardware, or in what they differ though they are read as one."""
    if not frames.kinds.empty:
        told = kinds_told(frames)
        yield (
            f"These runs are of {len(told)} kinds of hardware, each judged by itself: {'; '.join(told)}. "
            "A ratio belongs to its kind."
        )
        return
    apart = [said_as for column, said_as in _PLACE.items() if len(frames.runs[column].unique()) > 1]
    if apart:
        yield (
            f"{words.plural(len(frames.runs), 'run')} are read as one though they differ in "
            f"{words.listed(apart)}: their replicates are mixed, so a ratio belongs to no one of them."
        )


def subject(frames: Frames) -> str:
    """On what: workload, machine, versions, in one sentence."""
    run = frames.runs.iloc[-1]
    cases = pd.concat([frames.trials[["dataset", "device"]], frames.certificates[["dataset", "device"]]])
    data = words.listed(words.dataset(name) for name in cases["dataset"].unique())
    threads = words.listed(
        words.plural(int(count), "thread") for count in sorted(set(frames.runs["threads"]))
    )
    gpus = _gpus(run)
    on_gpu = any(device != "cpu" for device in cases["device"])
    processor = words.plain(run["cpu_model"] or "an unnamed processor")
    hardware = words.listed([*(gpus if on_gpu else []), processor])
    where = f"{threads}, on {hardware} ({words.count(run['cpu_usable'])} usable cores)"
    if not frames.kinds.empty:
        where = f"on {frames.kinds['kind'].nunique()} kinds of hardware"
    frameworks = compared(frames.trials, frames.certificates)
    found = {*frames.trials["framework"], *frames.certificates["framework"]}
    contenders = words.listed(
        _contender(frames, name) for name in [name for name in frameworks if name in found] or frameworks
    )
    return (
        f"A multilayer perceptron ({_networks(frames)}, ReLU, dropout 0.2, Adam) on {data}, with "
        f"{contenders}, {where}."
    )


def kinds_told(frames: Frames) -> list[str]:
    """Each kind of hardware in short, with its name where that says nothing; empty where there is one."""
    if frames.kinds.empty:
        return []
    return [
        words.plain(row["full"] if row["name"] == row["label"] else f"{row['name']} ({row['full']})")
        for row in frames.kinds.drop_duplicates("kind").to_dict("records")
    ]


def _networks(frames: Frames) -> str:
    """The widths of all networks, from the inputs to the outputs: 784-128-10. The small ones come first."""
    told = pd.concat([frames.trials["hidden"], frames.certificates["hidden"]]).dropna().unique()
    shapes = sorted(told, key=size_of)
    named = [words.plain(one).replace("x", "-") for one in shapes] or [shape(USUAL_HIDDEN)]
    return words.listed(f"{INPUT_FEATURES}-{one}-{CLASSES}" for one in named)


def commands(frames: Frames) -> tuple[str, ...]:
    """What was typed for these runs, each once, as it can be typed again."""
    return tuple(words.plain(command, None) for command in frames.runs["command"].dropna().unique())


def commits(frames: Frames) -> str:
    """Where to run the commands: the code that was measured with, as far as it is known."""
    known = [words.plain(commit) for commit in frames.runs["git_commit"].dropna().unique()]
    dirty = " with uncommitted changes" if frames.runs["git_dirty"].eq(True).any() else ""  # noqa: FBT003
    if not known:
        return "the version named above (these runs did not come from a git checkout)"
    return f"commit {words.listed(known)}{dirty}"


def environment(frames: Frames) -> pd.DataFrame:
    """Provenance of the latest run as rows of what and value."""
    run = frames.runs.iloc[-1]
    rows = [
        ("run", run["run_id"]),
        ("started", f"{run['started_at']:%Y-%m-%d %H:%M:%S} UTC"),
        ("went on", _times(run["resumed_at"])),
        ("ended because", run["stopped_because"]),
        ("host", run["hostname"]),
        ("system", run["os"]),
        ("processor", run["cpu_model"]),
        ("cores: usable, physical, logical", _joined(run, ["cpu_usable", "cpu_physical", "cpu_logical"])),
        ("memory", words.mebibytes(run["memory_bytes"])),
        ("GPUs", words.listed(_gpus(run)) or f"none: {run['gpu_reason']}"),
        ("GPU driver", run["gpu_driver"]),
        ("Python", run["python_version"]),
        *(
            (
                ", ".join(package.label for package in one.recorded),
                _joined(run, [p.column for p in one.recorded]),
            )
            for one in registry.records()
        ),
        ("evenmatch", _joined(run, ["harness_version", "git_commit"])),
        ("uncommitted changes", _yes(run["git_dirty"])),
        ("threads of each framework", words.count(run["threads"])),
        ("processors busy before the run", words.share(run["cpu_busy_before"], 0)),
        ("load before, after", _joined(run, ["load_1min_start", "load_1min_end"])),
        *json.loads(run["environment_json"] or "{}").items(),
    ]
    return pd.DataFrame(rows, columns=["what", "value"])


def _contender(frames: Frames, framework: str) -> str:
    """A framework with its version, where all have the same; one that is not installed here has none."""
    found = [one.version_column for one in registry.records() if one.name == framework]
    if found and len(frames.runs[found[0]].unique()) > 1:
        return words.framework(framework)
    version = words.plain(frames.runs[found[0]].iloc[-1]) if found else "of an unknown version"
    return f"{words.framework(framework)} {version}"


def _gpus(run: pd.Series) -> list[str]:
    return [] if run["gpu_names"] is None else [words.plain(name) for name in run["gpu_names"]]


def _joined(run: pd.Series, names: Iterable[str]) -> str:
    values = [run[name] for name in names]
    return ", ".join(
        words.MISSING if pd.isna(value) else f"{value:g}" if isinstance(value, float) else str(value)
        for value in values
    )


def _times(found: Sequence[Any] | None) -> str | None:
    """Moments, listed; None where there are none."""
    moments = [] if found is None else [pd.Timestamp(one) for one in found]
    return words.listed(f"{one:%Y-%m-%d %H:%M:%S} UTC" for one in moments) or None


def _yes(value: Any) -> str | None:
    return None if pd.isna(value) else "yes" if value else "no"
