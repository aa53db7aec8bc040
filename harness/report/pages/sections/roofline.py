"""How much of what the device can do each framework used."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from harness.report import figures, words
from harness.report.pages import context
from harness.report.pages.context import Section
from harness.report.pages.evidence import Evidence
from harness.report.pages.sections.drawing import CASE, drawn
from harness.report.sentences.roofline import percent, roofs, shares_told

_INTRO: Final = (
    "What a framework did of the arithmetic that the device can do in this work. The roof is what the run's "
    "own workers got out of it with products and copies alone, off the clock: a step can do no more "
    "arithmetic a second than a product of large squares, nor than the bytes that it moves allow. A step's "
    "arithmetic is that of its products. All else that takes time is overhead here: calls, operations that "
    "are no product, and whatever others did on this machine meanwhile. The thin line from a point up to its "
    "roof is what was not used."
)


def roofline(shown: Evidence, pictures: Path) -> Section:
    found = roofs(shown.frames)
    known = found[found["share"].notna()]
    return drawn(
        pictures,
        "roofline",
        title="What the machine could do",
        intro=_INTRO + shown.left_out,
        points=tuple(shares_told(found)),
        reason=shown.nothing_to_draw or (None if len(known) else "No peak of the device was found."),
        draw=lambda: figures.roofline(known),
        table=context.table(
            "Arithmetic done, and what bounds it",
            found,
            (
                *CASE,
                ("framework", "framework", words.framework),
                ("replicates", "replicates", words.count),
                ("FLOP a byte", "flop_per_byte", words.number),
                ("GFLOP/s", "flop_per_s", _billions),
                ("from", "flop_per_s_low", _billions),
                ("to", "flop_per_s_high", _billions),
                ("peak, GFLOP/s", "peak_flop_per_s", _billions),
                ("peak, GB/s", "peak_bytes_per_s", _billions),
                ("bound, GFLOP/s", "bound_flop_per_s", _billions),
                ("bound by", "bound_by", None),
                ("share, %", "share", percent),
                ("from", "share_low", percent),
                ("to", "share_high", percent),
                ("why none", "reason", None),
            ),
        ),
    )


def _billions(value: Any) -> str:
    return words.number(value / 1e9)
