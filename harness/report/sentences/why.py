"""Why two programs differ, in words: page and terminal say the same."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import pandas as pd

from harness.analysis.closing import closing
from harness.analysis.explanation import FRAMEWORK, TYPED, UNEXPLAINED, explanation
from harness.report import words
from harness.report.sentences.closed import closed
from harness.work.changes import WHOLE
from harness.work.workload import Mode

HEADINGS: Final = (
    "change", "from", "to", "walks", "speed", "called", "single walks", "accuracy, points", "evaluation",
)  # fmt: skip

# At most so many changes are named beside a sum, and only those that make up a good part of it.
_MOST_NAMED: Final = 2
_LEAST_SHARE: Final = 0.15


Row = dict[Any, Any]


def explained(changes: pd.DataFrame) -> list[str]:
    """How far the programs are apart, what that is made of in speed and in accuracy, and how surely.

    `changes` has the columns of `store.schema.CHANGES`, of one explanation and one change at least.
    """
    rows: dict[str, Row] = {row["name"]: row for row in explanation(changes).to_dict("records")}
    if math.isnan(rows[WHOLE]["speed"]):
        return ["Nothing can be explained: no walk has both ends measured."]
    turned = rows[WHOLE]["speed"] < 1
    return [
        _apart(rows[WHOLE], changes),
        _speed(rows),
        _accuracy(rows),
        closed(closing(changes), turned=turned),
    ]


def ends(changes: pd.DataFrame) -> tuple[str, str]:
    """Both ends as a reader knows them."""
    whole = changes[changes["name"] == WHOLE].iloc[0]
    return _end(whole["before"]), _end(whole["after"])


def _end(contender_id: str) -> str:
    framework, _, case_id = contender_id.partition("/")
    if f"-{Mode.ARTICLE}-" in case_id:
        return f"{words.framework(framework)}'s listing"
    return words.plain(contender_id)


def told(row: Row) -> tuple[str, ...]:
    """A row of `explanation` as cells under `HEADINGS`; the ends' own names would be repeated."""
    change = not pd.isna(row["part"])
    return (
        words.plain(row["name"]),
        words.plain(row["level_before"]) if change else "",
        words.plain(row["level_after"]) if change else "",
        words.count(row["walks"]),
        _bounded(row, "speed", words.ratio),
        words.plain(row["called"]) if change else "",
        _span(row, "speed", words.ratio),
        _bounded(row, "accuracy", words.points),
        _bounded(row, "evaluation", words.ratio),
    )


def _apart(whole: Row, changes: pd.DataFrame) -> str:
    a, b = ends(changes)
    turned = whole if whole["speed"] >= 1 else _turned(whole, "speed", _inverse)
    faster, slower = (b, a) if whole["speed"] >= 1 else (a, b)
    said = f"{faster} trains {_bounded(turned, 'speed', words.ratio)} times as fast as {slower}"
    if math.isnan(whole["accuracy"]):
        return f"{said}."
    higher, lower = (b, a) if whole["accuracy"] >= 0 else (a, b)
    epochs, samples = int(changes["epochs"].iloc[0]), int(changes["train_samples"].iloc[0])
    return (
        f"{said}; after {words.plural(epochs, 'epoch')} of {words.count(samples)} images {higher} is "
        f"{abs(100 * whole['accuracy']):.1f} points of accuracy ahead of {lower}."
    )


def _speed(rows: dict[str, Row]) -> str:
    """The gap in speed as a product, every factor in favour of the faster program."""
    if rows[WHOLE]["speed"] < 1:
        rows = {name: _turned(row, "speed", _inverse) for name, row in rows.items()}

    def factor(row: Row) -> str:
        return _bounded(row, "speed", words.ratio)

    return (
        f"The factor of {words.ratio(rows[WHOLE]['speed'])} is {_parts(rows, 'speed', factor, math.log)}, "
        f"times {factor(rows[UNEXPLAINED])} that stays unexplained."
    )


def _accuracy(rows: dict[str, Row]) -> str:
    """The gap in accuracy as a sum, every part in favour of the more accurate program."""
    whole = rows[WHOLE]["accuracy"]
    if math.isnan(whole):
        return "Accuracy was not measured."
    if whole < 0:
        rows = {name: _turned(row, "accuracy", float.__neg__) for name, row in rows.items()}

    def points(row: Row) -> str:
        return words.points(row["accuracy"])

    return (
        f"The {abs(100 * whole):.1f} points of accuracy are {_parts(rows, 'accuracy', points, float)}, and "
        f"{points(rows[UNEXPLAINED])} that stay unexplained."
    )


def _parts(
    rows: dict[str, Row], measure: str, said: Callable[[Row], str], size: Callable[[float], float]
) -> str:
    """What comes from the framework, and what from typing, with the changes that are most of the latter."""
    sizes = {
        name: abs(size(row[measure]))
        for name, row in rows.items()
        if row["part"] == TYPED and not math.isnan(row[measure])
    }
    largest = sorted(sizes, key=sizes.__getitem__, reverse=True)[:_MOST_NAMED]
    short = words.ratio if measure == "speed" else words.points
    named = [
        f"{name} {short(rows[name][measure])}"
        for name in largest
        if sizes[name] >= _LEAST_SHARE * sum(sizes.values())
    ]
    above_all = {TYPED: f" (above all {words.listed(named)})" if named else ""}
    parts = [
        f"{said(rows[part])} from {part}{above_all.get(part, '')}"
        for part in (FRAMEWORK, TYPED)
        if part in rows
    ]
    return (", times " if measure == "speed" else ", ").join(parts)


def _inverse(factor: float) -> float:
    return 1 / factor


def _turned(row: Row, measure: str, turn: Callable[[float], float]) -> Row:
    """A measure seen from the other end: what bounded it from below bounds it from above."""
    return row | {
        measure: turn(row[measure]),
        f"{measure}_low": turn(row[f"{measure}_high"]),
        f"{measure}_high": turn(row[f"{measure}_low"]),
    }


def _bounded(row: Row, measure: str, said: Callable[[Any], str]) -> str:
    value, low, high = (row[f"{measure}{bound}"] for bound in ("", "_low", "_high"))
    return said(value) if pd.isna(low) else f"{said(value)} ({said(low)} to {said(high)})"


def _span(row: Row, measure: str, said: Callable[[Any], str]) -> str:
    least, most = row[f"{measure}_least"], row[f"{measure}_most"]
    return words.MISSING if pd.isna(least) else f"{said(least)} to {said(most)}"
