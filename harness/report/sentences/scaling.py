"""What several workers make of each framework's speed, in words: a sentence a case."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import pandas as pd

from harness.analysis.scaling import scaling
from harness.report import words
from harness.report.sentences.cases import cases, labelled
from harness.report.sentences.roofline import percent
from harness.store.frames import Frames


@lru_cache(maxsize=4)
def scaled(frames: Frames) -> pd.DataFrame:
    """`analysis.scaling` of these frames, labelled; kept as `answer.judge` is."""
    found = scaling(frames.scaling, frames.scaling_rounds)
    return labelled(found, cases(pd.concat([frames.trials, frames.scaling])))


def scaling_told(found: pd.DataFrame) -> Iterator[str]:
    """A sentence a case of `scaled`."""
    for _, of_case in found.groupby("case_id", sort=False):
        rows = of_case.to_dict("records")
        than = words.plural(int(rows[0]["over_workers"]), "worker")
        told = words.listed(
            f"{words.framework(row['framework'])} {speed_up(row)} times as fast as {than}, an efficiency of "
            f"{efficiency(row)}"
            for row in rows
        )
        label = words.plain(rows[0]["label"])
        yield f"{label[:1].upper()}{label[1:]}: of {told}."


def speed_up(row: Mapping[Any, Any]) -> str:
    """With its interval, where it has one: 1.62 (1.58 to 1.66)."""
    return _with_ends(words.ratio(row["speed_up"]), words.interval(row["speed_up_low"], row["speed_up_high"]))


def efficiency(row: Mapping[Any, Any]) -> str:
    """Likewise: 81 % (79 to 83)."""
    ends = words.interval(row["efficiency_low"], row["efficiency_high"], percent)
    return _with_ends(f"{percent(row['efficiency'])} %", ends)


def milliseconds(seconds: float) -> str:
    return words.number(1e3 * seconds)


def _with_ends(value: str, ends: str) -> str:
    return value if ends == words.MISSING else f"{value} ({ends})"
