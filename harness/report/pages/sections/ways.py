"""Each framework at its best, and which way that is; the loops have sections of their own."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from harness.analysis.ways import Question
from harness.report import figures, words
from harness.report.pages import context
from harness.report.pages.context import Section
from harness.report.pages.evidence import Evidence
from harness.report.pages.sections.drawing import CASE, JUDGED, drawn
from harness.report.sentences.answer import judge_ways
from harness.work.records import Phase

_INTRO = (
    "Every way that a framework has to do the same work met its usual loop in one match, each with a "
    "certificate of its own. A pilot found the fastest of each framework; its rounds chose, and judge "
    "nothing. Loops and chosen ways sat in every match, the others in every third, so their intervals are "
    "wider. The mark is the estimate, the line its interval; a hollow mark is not shown to differ."
)


def ways(shown: Evidence, pictures: Path) -> Section:
    asked = judge_ways(shown.frames)
    asked = asked[asked["phase"] == Phase.TRAIN]
    rungs = asked[
        (asked["question"] == Question.LADDER) & asked["speed_ratio"].notna() & asked["verdict"].notna()
    ]
    place = rungs.groupby(["case_id", "speed_of"], sort=False).ngroup()
    rungs = rungs.assign(place=place).sort_values(["place", "speed_ratio"], ascending=[True, False])
    return drawn(
        pictures,
        "ways",
        title="Each framework at its best",
        intro=_INTRO,
        reason=None if len(rungs) else "No way was measured beside its framework's loop.",
        draw=lambda: figures.ladder(rungs),
        table=context.table(
            "What the three questions are answered, for training; all of it is one family",
            asked.assign(
                of=_contender(asked, "of"),
                over=_contender(asked, "over"),
            ),
            (
                ("question", "question", None),
                *CASE,
                ("speed of", "of", None),
                ("over that of", "over", None),
                *JUDGED,
            ),
        ),
    )


def _contender(asked: pd.DataFrame, side: str) -> list[str]:
    named = zip(asked[f"speed_{side}"], asked[f"way_{side}"], strict=True)
    return [f"{words.framework(framework)}, {words.executed(way)}" for framework, way in named]
