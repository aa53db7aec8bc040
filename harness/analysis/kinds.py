"""Kinds of hardware: what runs were measured on, and frames of several kinds told apart.

A ratio belongs to a kind of hardware: processor, usable cores, memory, cards, versions and threads. Runs of
one kind are of hosts that are alike in these, so their replicates answer one question; runs of several kinds
answer as many. Between kinds nothing is averaged.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, replace
from typing import Any, Final

import pandas as pd

from harness.frameworks import registry
from harness.store.frames import Frames

# Memory is told apart in steps of half a power of two: of hosts with as many gigabytes, the system of one
# keeps more for itself than that of another.
_STEPS_A_DOUBLING: Final = 2

_GIB: Final = 2**30

# What a processor's name has beside the name.
_DECORATION: Final = re.compile(r"\((R|TM|tm)\)|\bCPU\b|@.*$|\b\d+-Core Processor\b")

# A longer name of a kind does not fit beside a figure.
_LONGEST_NAME: Final = 32

# What every description of a kind has; the rest is told where it differs.
_ALWAYS: Final = ("processor", "usable cores", "cards")

COLUMNS: Final = ("run_id", "host", "kind", "name", "label", "full")

Facts = dict[str, tuple[Any, str]]


def kinds(runs: pd.DataFrame, frameworks: Iterable[str]) -> pd.DataFrame:
    """Of which kind of hardware each run is.

    Args:
        runs: one row a run, columns as in `store.schema.RUNS`.
        frameworks: those whose versions count.

    Returns:
        One row a run, in their order: `run_id`, `host` (by name), `kind` (1, 2, ... in order of appearance),
        and of the kind `label`, what sets it apart from the others here, empty where there are none; `full`,
        the whole of it in short; and `name`, the label where those of all kinds are short, else `kind 1`.
    """
    facts = [dict(_facts(run, list(frameworks))) for run in runs.to_dict("records")]
    keys = [tuple(value for value, _ in of.values()) for of in facts]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys), start=1)}
    firsts = {key: _told(facts[keys.index(key)], facts) for key in numbers}
    differing = [what for what in (facts[0] if facts else {}) if len({of[what][0] for of in facts}) > 1]
    labels = {key: ", ".join(told[what] for what in differing) for key, told in firsts.items()}
    short = max(map(len, labels.values()), default=0) <= _LONGEST_NAME
    short = short and len(set(labels.values())) == len(labels)
    named = {one.version_column: one.label for one in registry.records() if one.name in set(frameworks)}
    rows = [
        {
            "run_id": run["run_id"],
            "host": run["hostname"],
            "kind": numbers[key],
            "name": labels[key] if short else f"kind {numbers[key]}",
            "label": labels[key],
            "full": _full(firsts[key], named, differing),
        }
        for run, key in zip(runs.to_dict("records"), keys, strict=True)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def apart(frames: Frames) -> Frames:
    """The frames with cases of their own for each kind of hardware; as they are where there is one.

    The name of a case then ends in the number of its kind (`@2`), and trials, other tables of matches and
    certificates have a column `kind`, its name. `Frames.kinds` says which run is of which.
    """
    found = kinds(frames.runs, _frameworks(frames))
    if found["kind"].nunique() < 2 or not frames.kinds.empty:  # noqa: PLR2004  (fewer are not several)
        return frames
    of_run = found.set_index("run_id")
    told = {
        one.name: _named(table, of_run)
        for one in fields(frames)
        if {"run_id", "case_id"} <= set(table := getattr(frames, one.name))
    }
    return replace(frames, **told, certificates=_proofs(frames, found), kinds=found)


def parts(frames: Frames) -> list[Frames]:
    """The frames of each kind of hardware, in the order of their numbers; all of them where there is one."""
    if frames.kinds.empty:
        return [frames]
    return [_part(frames, of_kind) for _, of_kind in frames.kinds.groupby("kind")]


def case_of(case_id: str) -> str:
    """The case of any kind that a name of `apart` stands for."""
    return case_id.rpartition("@")[0] or case_id


def hosts(frames: Frames) -> dict[str, str]:
    """Where each run was measured, by its identifier."""
    return dict(zip(frames.runs["run_id"], frames.runs["hostname"].fillna("unknown"), strict=True))


def by_kind(
    frames: Frames, judge: Callable[[Frames, Mapping[str, str] | None], pd.DataFrame]
) -> pd.DataFrame:
    """What `judge` finds of each kind by itself, with its hosts; without them where all is of one host."""
    where = hosts(frames)
    several = len(set(where.values())) > 1 or not frames.kinds.empty
    return pd.concat([judge(part, where if several else None) for part in parts(frames)], ignore_index=True)


def _facts(run: Mapping[Any, Any], frameworks: list[str]) -> Iterator[tuple[str, tuple[Any, str]]]:
    """What makes the kind of a run: each fact as it is compared, and in words."""
    model, memory, cards = _text(run["cpu_model"]), run["memory_bytes"], _cards(run["gpu_names"])
    yield "processor", (model, model or "an unnamed processor")
    yield "usable cores", _counted(run["cpu_usable"], "core")
    known = not pd.isna(memory) and memory > 0
    step = round(_STEPS_A_DOUBLING * math.log2(memory)) if known else None
    yield "memory", (step, f"{memory / _GIB:.3g} GiB" if known else "unknown memory")
    yield "cards", (cards, cards or "no GPU")
    yield "GPU driver", _version(run["gpu_driver"], "GPU driver")
    for one in registry.records():
        if one.name in frameworks:
            for package in one.recorded:
                yield package.column, _version(run[package.column], package.label)
    yield "python_version", _version(run["python_version"], "Python")
    yield "threads", _counted(run["threads"], "thread")


def _told(of: Facts, facts: list[Facts]) -> dict[str, str]:
    """A kind's facts in words, the processor without decoration where that confuses no two."""
    models = {one["processor"][1] for one in facts}
    plain = {model: " ".join(_DECORATION.sub(" ", model).split()) or model for model in models}
    told = {what: words for what, (_, words) in of.items()}
    if len(set(plain.values())) == len(models):
        told["processor"] = plain[told["processor"]]
    return told


def _full(told: Mapping[str, str], named: Iterable[str], differing: Iterable[str]) -> str:
    """A kind in short: hardware, then the frameworks' versions, and what else differs between kinds."""
    hardware = [*_ALWAYS, *(["memory"] if "memory" in differing else [])]
    versions = dict.fromkeys([*named, *(what for what in differing if what not in hardware)])
    return "; ".join([", ".join(told[what] for what in part) for part in (hardware, versions) if part])


def _frameworks(frames: Frames) -> list[str]:
    tables = (frames.trials, frames.certificates, frames.ways)
    found = {name for table in tables for name in table.get("framework", pd.Series(dtype=object)).unique()}
    return registry.in_order(found)


def _named(table: pd.DataFrame, of_run: pd.DataFrame) -> pd.DataFrame:
    """A table whose cases are those of the kind that each row's run is of."""
    number, name = (table["run_id"].map(of_run[column]).astype(object) for column in ("kind", "name"))
    case_id = table["case_id"].astype(str) + "@" + number.astype(str)
    # There may be a million rounds, whose names are held once.
    repeated = isinstance(table["case_id"].dtype, pd.CategoricalDtype)
    return table.assign(case_id=case_id.astype("category") if repeated else case_id, kind=name)


def _proofs(frames: Frames, found: pd.DataFrame) -> pd.DataFrame:
    """The certificates of each kind's runs; one that counts for several kinds is there for each."""
    of_run = found.set_index("run_id")
    held = frames.runs[["run_id", "certificate_ids"]].explode("certificate_ids").dropna()
    held = held.assign(kind=held["run_id"].map(of_run["kind"]), name=held["run_id"].map(of_run["name"]))
    held = held.drop_duplicates(["certificate_ids", "kind"]).rename(
        columns={"certificate_ids": "certificate_id"}
    )
    proofs = frames.certificates.merge(held[["certificate_id", "kind", "name"]], on="certificate_id")
    case_id = proofs["case_id"].astype(str) + "@" + proofs["kind"].astype(str)
    return proofs.assign(case_id=case_id, kind=proofs["name"]).drop(columns="name")


def _part(frames: Frames, of_kind: pd.DataFrame) -> Frames:
    name = of_kind["name"].iloc[0]
    told = {
        one.name: table[table["kind"] == name]
        for one in fields(frames)
        if {"case_id", "kind"} <= set(table := getattr(frames, one.name))
    }
    runs = frames.runs[frames.runs["run_id"].isin(of_kind["run_id"])]
    return replace(frames, **told, runs=runs, kinds=of_kind)


def _cards(names: Iterable[str] | None) -> str:
    counted = Counter(sorted(map(str, [] if names is None else names)))
    return ", ".join(name if count == 1 else f"{count} {name}" for name, count in counted.items())


def _counted(value: Any, noun: str) -> tuple[int | None, str]:
    if pd.isna(value):
        return None, f"an unknown number of {noun}s"
    return int(value), f"{int(value)} {noun}" if value == 1 else f"{int(value)} {noun}s"


def _version(value: Any, label: str) -> tuple[str | None, str]:
    said = _text(value)
    return said, f"{label} {said}" if said else f"no {label}"


def _text(value: Any) -> str | None:
    return None if value is None or pd.isna(value) else str(value)
