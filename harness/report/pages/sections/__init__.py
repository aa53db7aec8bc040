"""The page's sections in reading order: each a heading, words, a figure or why there is none, a table."""

from __future__ import annotations

from pathlib import Path

from harness.report.pages.context import Section
from harness.report.pages.evidence import Evidence
from harness.report.pages.sections import (
    account,
    arithmetic,
    cost,
    explanation,
    hosts,
    latency,
    learning,
    reaching,
    roofline,
    scaling,
    speed,
    telling,
    ways,
)
from harness.report.sentences.hosts import several


def sections(shown: Evidence, pictures: Path) -> tuple[Section, ...]:
    """All sections; each drawn figure is also saved as a small PNG in `pictures`."""
    return (
        telling.telling(shown, pictures),
        learning.certificates(shown),
        speed.throughput(shown, pictures),
        speed.ratio(shown, pictures),
        *([] if shown.frames.kinds.empty else [hosts.kinds(shown)]),
        *([hosts.hosts(shown, pictures)] if several(shown.frames) else []),
        speed.overview(shown, pictures),
        *([arithmetic.arithmetic(shown, pictures)] if arithmetic.asked(shown) else []),
        roofline.roofline(shown, pictures),
        *([] if shown.frames.scaling.empty else [scaling.scaling(shown, pictures)]),
        *([] if shown.frames.ways.empty else [ways.ways(shown, pictures)]),
        *([] if shown.frames.changes.empty else [explanation.why(shown.frames.changes, pictures)]),
        learning.accuracy(shown, pictures),
        reaching.time_to_accuracy(shown, pictures),
        learning.agreement(shown),
        cost.memory(shown, pictures),
        cost.energy(shown, pictures),
        cost.startup(shown, pictures),
        speed.evaluation(shown, pictures),
        latency.latency(shown, pictures),
        telling.noise(shown),
        account.failures(shown),
        account.trials(shown),
        account.environment(shown),
    )
