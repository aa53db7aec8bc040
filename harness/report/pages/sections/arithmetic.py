"""Where small becomes large: the ratio along the arithmetic of a step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pandas as pd

from harness.analysis.crossing import Crossing, crossing, step_flop
from harness.report import words
from harness.report.figures.arithmetic import arithmetic as draw
from harness.report.pages import context
from harness.report.pages.context import Section
from harness.report.pages.evidence import Evidence
from harness.report.pages.sections.drawing import JUDGED, case_of, drawn, named
from harness.report.sentences.cases import describe, differing
from harness.work.records import Phase

_TITLE: Final = "Where small becomes large"
_TOLD_APART: Final = frozenset({"hidden"})


def asked(shown: Evidence) -> bool:
    """Whether there are networks of several shapes to be set side by side."""
    return int(shown.judged["hidden"].nunique()) > 1


def arithmetic(shown: Evidence, pictures: Path) -> Section:
    judged = shown.judged[shown.judged["phase"] == Phase.TRAIN]
    apart = [part for part in differing(judged) if part not in _TOLD_APART]
    known = judged[judged["verdict"].notna() & judged["speed_ratio_low"].notna()]
    panels = [describe(case, apart) or f"mode {case['mode']}" for case in known.to_dict("records")]
    known = known.assign(panel=panels, step_flop=step_flop(known))
    known = known.assign(panel=named(shown, known, "panel"))
    crossings = {of: found for of, line in _lines(known) if (found := crossing(line)) is not None}
    reason = "Too few replicates for an interval of any ratio." if known.empty else shown.nothing_to_draw
    return drawn(
        pictures,
        "arithmetic",
        title=_TITLE,
        intro=f"How many times as fast one framework trains as {shown.other}, by how much arithmetic a "
        "training step has: its matrix products, forward and backward. Left of a crossing it counts how "
        "quickly small operations are got going, right of it how quickly large ones are computed.",
        reason=reason,
        draw=lambda: draw(known, crossings),
        points=tuple(_sentences(known, crossings)),
        table=context.table(
            "Arithmetic of a step, and the ratio",
            known.sort_values(["panel", "batch_size", "step_flop"]),
            (*case_of(shown), ("arithmetic of a step, million", "step_flop", _million), *JUDGED),
        ),
    )


def _lines(known: pd.DataFrame) -> Iterator[tuple[tuple[str, int], pd.DataFrame]]:
    """The cases of each line of the figure, by panel and batch size."""
    for panel, of_panel in known.groupby("panel", sort=False):
        for size in sorted(of_panel["batch_size"].unique()):
            yield (str(panel), int(size)), of_panel[of_panel["batch_size"] == size]


def _sentences(known: pd.DataFrame, crossings: dict[tuple[str, int], Crossing]) -> list[str]:
    """What each line of the figure comes to."""
    said = []
    for (panel, size), line in _lines(known):
        found, where = crossings.get((panel, size)), f"{panel}, batch {size}"
        if found is not None:
            said.append(
                f"{where}: below about {_million(found.flop)} million additions and multiplications a step "
                f"{words.framework(found.below)} is faster, above {words.framework(found.above)} "
                f"(95 % interval of the crossing {_million(found.low)} to {_million(found.high)} million)."
            )
        elif len(line) > 1:
            said.append(f"{where}: no one crossing is sure among these networks.")
    return said


def _million(flop: float) -> str:
    return words.number(flop / 1e6)
