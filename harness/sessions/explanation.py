"""One explanation from settings to page: why two programs differ; prints nothing."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from harness.data.progress import Reporter
from harness.engine import explaining, probing
from harness.engine.ending import Outcome
from harness.engine.explaining import ExplainObserver
from harness.errors import BadOption
from harness.frameworks import registry
from harness.sessions import bench, rows
from harness.sessions.drawing import Drawn, drawn
from harness.settings.config import Settings
from harness.settings.offers import require, require_adam
from harness.store.frames import Frames
from harness.store.holding import held
from harness.store.reader import read, read_changes
from harness.store.schema import EXPLANATIONS
from harness.store.writer import Store
from harness.work.changes import contender, listings, require_walk
from harness.work.contender import Contender
from harness.work.workload import Mode

# Programs that an explanation walks between.
_ENDS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What an explanation left; there is no page where no change was measured."""

    run_id: str
    outcome: Outcome
    frames: Frames
    drawn: Drawn


def prepare(
    settings: Settings, ends: Sequence[str], reporter: Reporter
) -> tuple[Settings, Contender, Contender]:
    """As `bench.prepare`, for two ends: the cases that are named, or the article's listings where none is.

    Raises:
        UsageError: ends that cannot be walked between, several devices or epochs, and whatever
            `bench.prepare` raises.
    """
    if len(ends) not in {0, _ENDS}:
        raise BadOption("CASE", " ".join(ends), "two cases, or none for the article's listings")
    if len(settings.frameworks) > _ENDS:
        named = ",".join(settings.frameworks)
        raise BadOption("FRAMEWORKS", named, "two: an explanation walks from one program to another")
    planned = bench.prepare(replace(settings, mode=(Mode.ARTICLE,)), reporter)
    settings = planned.settings
    if ends:
        a, b = (contender(text, settings.seed) for text in ends)
        require_walk(a, b)
        registry.require_installed([a.framework, b.framework])
        for one in (a, b):
            require([one.framework], one.case.device, [one.case.mode], [one.case.workload.precision])
            require_adam(one)
            probing.require_device([one.framework], one.case.device, settings.pass_env)
        return replace(settings, dataset=a.case.workload.dataset), a, b
    if len(planned.cases) > 1:
        raise BadOption("EPOCHS", ",".join(map(str, settings.epochs)), "one value, and one device")
    (case,) = planned.cases
    return settings, *listings(case.workload, case.device)


def explain(
    a: Contender,
    b: Contender,
    settings: Settings,
    data_root: Path,
    *,
    command: str,
    observer: ExplainObserver,
    beside: bool = False,
) -> Explanation:
    """Measure what tells a and b apart, keep every trial and change, draw the page.

    All of it goes to a results folder of its own, `explanations` in the usual one. One that was
    interrupted, or that found the disk full, ends as any other: what it measured is stored, marked, drawn.
    """
    store, began_s = Store(settings.results / EXPLANATIONS), time.monotonic()
    store.prepare()
    run = rows.opening_row(settings, command, trials_planned=None)
    work = a.case.workload
    where = {name: run[name] for name in (*bench.PLACE, "threads")}
    where |= {"dataset": work.dataset.value, "epochs": work.epochs, "train_samples": work.train_samples}
    with held(store.folder, run["run_id"]):
        store.save_run(run)
        with store.room():
            outcome = explaining.explain(
                a,
                b,
                settings,
                run_id=run["run_id"],
                data_root=data_root,
                logs=store.logs,
                save=store.save_match,
                save_change=lambda change: store.save_change(change, where),
                observer=observer,
                beside=beside,
            )
        outcome = rows.close(store, run, outcome, began_s)
    changes = read_changes(settings.results, run["run_id"])
    frames = replace(read(store.folder, [run["run_id"]]), changes=changes)
    return Explanation(run_id=run["run_id"], outcome=outcome, frames=frames, drawn=_drawn(frames, settings))


def _drawn(frames: Frames, settings: Settings) -> Drawn:
    def draw() -> Path | None:
        if frames.changes.empty:
            return None
        # Imported when needed, as in `bench`.
        from harness.report.pages.explanation import write_page  # noqa: PLC0415

        return write_page(frames, settings.reports)

    return drawn(draw, settings.results)
