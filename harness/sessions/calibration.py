"""A calibration from settings to tries: the method where the answer is known, prepared and carried out."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from harness.analysis.statistics import MIN_REPLICATES
from harness.data.progress import Reporter
from harness.engine import calibrating
from harness.engine.calibrating import CalibrationObserver
from harness.engine.fitting import no_room
from harness.errors import BadOption, UsageError
from harness.measure import provenance
from harness.sessions import bench
from harness.settings.config import Settings
from harness.settings.grid import Plan
from harness.store.reader import read_attempts
from harness.store.schema import CALIBRATION
from harness.store.writer import Store
from harness.work.workload import MOST_EPOCHS, Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """A calibration that has ended: what each way said of each case in the tries that were made."""

    calibration_id: str
    attempts: pd.DataFrame
    tries: int
    interrupted: bool


def prepare(settings: Settings, reporter: Reporter) -> Plan:
    """As `bench.prepare`, for the cases that each try of a calibration holds.

    Raises:
        UsageError: a case that a framework cannot do or that has no room, several numbers of workers, mode
            `best`, or work planted into mode `article`, and what `bench.prepare` raises.
    """
    if len(settings.workers) > 1:
        asked = ",".join(map(str, settings.workers))
        raise BadOption("WORKERS", asked, "one value: cases of as many workers are tried together")
    if Mode.ARTICLE in settings.mode and any(settings.planted):
        others = ", ".join(mode for mode in Mode if mode not in {Mode.ARTICLE, Mode.BEST})
        raise BadOption("MODE", Mode.ARTICLE, f"{others}: a listing deals its own batches, none twice")
    if Mode.BEST in settings.mode:
        raise BadOption("MODE", Mode.BEST, "a mode that a framework runs: each is tried against itself")
    if settings.replicates < MIN_REPLICATES:
        raise BadOption("REPLICATES", settings.replicates, f"{MIN_REPLICATES} or more: fewer are not judged")
    # Time ends a try, never the workload.
    planned = bench.prepare(replace(settings, epochs=(MOST_EPOCHS,)), reporter)
    # Nothing is proven, and time ends a try: room alone is asked for.
    lacking = ((case, no_room(settings, case)) for case in planned.cases)
    for case, why in (*planned.unable, *lacking):
        if why is not None:
            raise UsageError(f"{case.id}: {why}")
    return planned


def calibrate(planned: Plan, data_root: Path, *, usual: bool, observer: CalibrationObserver) -> Calibrated:
    """Try the method on this machine where the answer is known; an interruption ends it with what there is.

    Trials, rounds and attempts go to a results folder of their own, `calibration` in the usual one.
    """
    settings = planned.settings
    store = Store(settings.results / CALIBRATION)
    store.prepare()
    machine = provenance.columns(threads=settings.threads, passed=settings.pass_env)
    now = datetime.now(UTC)
    calibration_id = f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"
    where = {name: machine[name] for name in bench.PLACE} | {
        "threads": settings.threads,
        "try_s": settings.try_s,
    }
    interrupted = False
    try:
        calibrating.calibrate(
            planned,
            run_id=calibration_id,
            data_root=data_root,
            logs=store.logs,
            save=store.save_match,
            save_try=lambda attempts: store.save_attempts(attempts, where),
            observer=observer,
            usual=usual,
        )
    except KeyboardInterrupt:
        interrupted = True
    return Calibrated(
        calibration_id=calibration_id,
        attempts=read_attempts(settings.results, calibration_id),
        tries=settings.tries * len(settings.planted),
        interrupted=interrupted,
    )
