"""What several workers make of each framework's speed, and what that costs."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from harness.report import figures, words
from harness.report.pages import context
from harness.report.pages.context import Section
from harness.report.pages.evidence import Evidence
from harness.report.pages.sections.drawing import CASE, drawn
from harness.report.sentences.roofline import percent
from harness.report.sentences.scaling import milliseconds, scaled, scaling_told

_INTRO: Final = (
    "Several workers, a process each, train one model: each has its share of every batch, and all step by "
    "the gradients that they come to together. They took turns with one worker of their framework, in the "
    "same match. The efficiency is their speed-up over how many more of them there are. What of a step's "
    "time goes beyond its share of what one worker takes is what working together costs: exchanging "
    "gradients, waiting for each other, and what each does whatever its share, such as the optimiser's step."
)


def scaling(shown: Evidence, pictures: Path) -> Section:
    found = scaled(shown.frames)
    return drawn(
        pictures,
        "scaling",
        title="What several workers make of it",
        intro=_INTRO,
        points=tuple(scaling_told(found)),
        reason=None if len(found) else "No match of one worker and several was whole.",
        draw=lambda: figures.efficiencies(found),
        table=context.table(
            "Speed-up and efficiency of several workers, and a step's milliseconds",
            found,
            (
                *CASE,
                ("framework", "framework", words.framework),
                ("workers", "workers", words.count),
                ("over", "over_workers", words.count),
                ("replicates", "replicates", words.count),
                ("speed-up", "speed_up", words.ratio),
                ("from", "speed_up_low", words.ratio),
                ("to", "speed_up_high", words.ratio),
                ("efficiency, %", "efficiency", percent),
                ("from", "efficiency_low", percent),
                ("to", "efficiency_high", percent),
                ("a step, ms", "step_s", milliseconds),
                ("beyond its share, ms", "beyond_share_s", milliseconds),
            ),
        ),
    )
