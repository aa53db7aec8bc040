"""Several workers that train one model: where there are none, and cases that differ in their number alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.frameworks import registry
from harness.frameworks.record import Place
from harness.settings.config import Settings
from harness.work.workload import USUAL, Case, Mode


def why_unable(settings: Settings, case: Case) -> str | None:
    """What keeps a case of several workers from being anybody's work here; None where nothing does."""
    if case.workers == 1:
        return None
    if case.way != USUAL or settings.mode == (Mode.BEST,):
        return f"several workers train one model in mode {USUAL.mode} alone"
    if case.device != "auto" and Place.of(case.device) is Place.GPU:
        return "each of several workers would need a GPU of its own, and a contender has one"
    found = [registry.record(name) for name in settings.frameworks]
    lacking = [one.label for one in found if Place.CPU not in one.together]
    return f"{' and '.join(lacking)} cannot train one model with several workers" if lacking else None


def scaled(cases: Sequence[Case]) -> list[tuple[Case, ...]]:
    """The cases that are one but for their workers, the fewest first; those of one number alone left out."""
    alike: dict[Case, list[Case]] = {}
    for case in cases:
        alike.setdefault(replace(case, workers=1), []).append(case)
    return [tuple(sorted(found, key=lambda case: case.workers)) for found in alike.values() if len(found) > 1]
