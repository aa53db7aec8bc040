"""The cases of some frames, in the order in which they are read, each named by what tells it apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pandas as pd

from harness.errors import BadOption
from harness.report import words
from harness.store.frames import Frames
from harness.work.workload import Mode, Workload, widths

# What a case is made of beside its batch size, in reading order; each with how it is said. The kind of
# hardware is there where there are several.
_SAID: Final[dict[str, Callable[[Any], str]]] = {
    "kind": words.plain,
    "device": words.plain,
    "dataset": words.dataset,
    "train_samples": lambda count: f"{words.count(count)} training samples",
    "precision": words.plain,
    "hidden": words.hidden,
    "workers": lambda count: words.plural(int(count), "worker"),
    "epochs": lambda count: words.plural(int(count), "epoch"),
    "mode": words.plain,
}

_ADDED: Final = ("kind", "train_samples", "panel", "label")


def cases(trials: pd.DataFrame) -> pd.DataFrame:
    """One row a case, `case_id` as index, sorted by its parts and then by batch size.

    Beside the parts there are `place` (0, 1, ... in that order), `panel` (the parts that differ between
    these cases, all but the batch size) and `label` (the same, and the batch size).
    """
    parts = [part for part in _SAID if part in trials]
    found = trials.drop_duplicates("case_id").set_index("case_id")[[*parts, "batch_size"]]
    several = differing(found)
    rank = {mode.value: place for place, mode in enumerate(Mode)}
    found = found.assign(
        rank=[rank.get(mode, len(rank)) for mode in found["mode"]],
        size=found["hidden"].map(size_of),
        **({"first": pd.factorize(found["kind"])[0]} if "kind" in found else {}),
    )
    order = [{"mode": "rank", "hidden": "size", "kind": "first"}.get(part, part) for part in parts]
    found = found.sort_values([*order, "batch_size"])
    rows = found.to_dict("records")
    panels = [describe(row, several) for row in rows]
    return found.drop(columns=["rank", "size", "first"], errors="ignore").assign(
        place=range(len(found)),
        panel=[panel or f"mode {row['mode']}" for panel, row in zip(panels, rows, strict=True)],
        label=[
            ", ".join([*([panel] if panel else []), batch(row)])
            for panel, row in zip(panels, rows, strict=True)
        ],
    )


def known_cases(frames: Frames) -> pd.DataFrame:
    """The cases of all that frames compare, and of all that was learned: of some there may be but one."""
    told = [one.drop_duplicates("case_id") for one in (frames.trials, frames.learned) if len(one)]
    return cases(pd.concat(told) if told else frames.trials)


def size_of(hidden: str) -> int:
    """By which networks are ordered; what no version of this project has written comes first."""
    try:
        return Workload(hidden=widths(hidden)).parameter_count
    except (BadOption, ValueError):
        return 0


def batch(row: dict[Any, Any]) -> str:
    """A case's batch size in words; in mode `article` each listing has its own."""
    return "as printed" if row["mode"] == Mode.ARTICLE else f"batch {row['batch_size']}"


def labelled(frame: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """`frame` in the order of `known` (see `cases`), with its `train_samples`, `panel` and `label`.

    With its `kind`, too, where there are several.
    """
    # By number rather than by name: there may be a million rounds.
    named = frame["case_id"].astype("category").cat
    rows = known.index.get_indexer(named.categories.astype("object"))[named.codes.to_numpy()]
    added = {name: known[name].array.take(rows) for name in _ADDED if name in known}
    return frame.assign(**added).iloc[np.argsort(rows, kind="stable")]


def differing(found: pd.DataFrame) -> list[str]:
    """Parts of the case, beside the batch size, that have more than one value in these rows."""
    return [part for part in _SAID if part in found and len(found[part].unique()) > 1]


def shared_by(rows: pd.DataFrame, parts: list[str]) -> list[str]:
    """The columns that cases of one sentence share: these parts, and the kind of hardware."""
    return [*(["kind"] if "kind" in rows else []), *parts]


def describe(case: dict[Any, Any], parts: list[str]) -> str:
    """The named parts of one case in words."""
    return ", ".join(_SAID[part](case[part]) for part in _SAID if part in parts)
