"""One run from settings to page, in named phases; prints nothing and decides nothing about the screen."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Protocol

import pandas as pd

from harness.analysis.hosts import states, without
from harness.analysis.kinds import apart
from harness.analysis.of_trials import compared
from harness.analysis.statistics import MIN_REPLICATES
from harness.data import cache, mnist
from harness.data.progress import Reporter
from harness.engine import footprint, probing
from harness.engine.ending import Outcome
from harness.engine.fitting import Estimates, those_that_fit
from harness.engine.forking import ForkServers
from harness.engine.proving import ProofObserver
from harness.engine.runner import RunObserver, measure
from harness.errors import OutOfMemory, ResultsUnusable
from harness.frameworks import registry
from harness.measure import scratch
from harness.sessions import rows
from harness.sessions.drawing import Drawn, drawn
from harness.sessions.proven import Proven, certifications, identities, wanted_of
from harness.sessions.resuming import Unfinished, as_begun, require_same, require_untouched
from harness.settings.config import Settings
from harness.settings.grid import Plan, plan
from harness.settings.matches import Match
from harness.settings.parsing import choice
from harness.settings.sharding import Shard
from harness.store.frames import Frames
from harness.store.holding import held
from harness.store.reader import read
from harness.store.writer import Store
from harness.work.workload import Case

# Where a calibration or an explanation holds: columns of the runs table.
PLACE: Final = ("hostname", "cpu_model", "cpu_usable", *(one.version_column for one in registry.records()))


class LeaveOut(StrEnum):
    """What a page may leave out, by a rule that was fixed before anything was measured."""

    OFF_HOSTS = "off-hosts"


class BenchObserver(RunObserver, ProofObserver, Protocol):
    """Who is told how a run goes on, and the proofs that it makes on its way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a run left: its identifier, how it ended, frames and page, or why there is none.

    `uncertified` are the cases without a certificate, but for those that a trial ran out of memory in.
    """

    run_id: str
    outcome: Outcome
    uncertified: tuple[str, ...]
    frames: Frames
    drawn: Drawn


def prepare(settings: Settings, reporter: Reporter, shard: Shard | None = None) -> Plan:
    """Refuse, before any work, whatever cannot be carried out as asked; say what became of DEVICE=auto.

    With `shard` it is that part of what the settings ask for.

    Raises:
        UsageError: an option, a framework, a device or a folder that cannot be used.
    """
    plan(settings)
    registry.require_installed(settings.frameworks)
    Store(settings.results).prepare()
    _require_writable(settings.reports)
    with scratch.folder():
        pass
    devices = probing.settle(settings.frameworks, settings.device, reporter, settings.pass_env)
    return replace(plan(replace(settings, device=devices)), shard=shard)


def fitting(planned: Plan, unfinished: Unfinished | None = None) -> Plan:
    """The plan without the cases that do not fit into memory or time, which are in `Plan.unfit`.

    Of a run that goes on these are the ones that did not when it began.
    """
    if unfinished is not None:
        return as_begun(unfinished, planned)
    return those_that_fit(planned, Estimates.here(planned.settings.threads))


def find_data(settings: Settings, reporter: Reporter) -> Path:
    """The verified data set's root.

    Raises:
        DataUnavailable: no source gave it whole.
    """
    files = mnist.locate(
        settings.dataset, data_dir=settings.data_dir, cache=cache.cache_folder(), reporter=reporter
    )
    return files.root


def bench(
    planned: Plan,
    data_root: Path,
    proofs: pd.DataFrame,
    *,
    command: str,
    servers: ForkServers,
    observer: BenchObserver,
    unfinished: Unfinished | None = None,
) -> Run:
    """Measure the certified cases, keep every match, draw the page.

    `proofs` are those that the run waits for (`proven.prove_ahead`); the others are made when it comes to
    them. A case whose certificate does not hold is measured only where a mismatch is allowed, and marked. One
    whose proof ran out of memory is tried once all the same, so that its failure is on record; where it
    does not fail, it is one without a certificate. What time is left goes to each framework at its best,
    whose ways are certified then. A run that was interrupted, or that found the disk full, ends as any other:
    what it measured is stored, marked and drawn. An `unfinished` one goes on.

    Raises:
        NotResumable: an unfinished run whose rest would be measured otherwise.
        ResultsUnusable: an unfinished run that another process measures by now.
    """
    settings = planned.settings
    store, began_s = Store(settings.results), time.monotonic()
    wanted, refused = wanted_of(planned, certifications(proofs))
    planned = replace(planned, cases=wanted, refused=refused)
    matches = planned_matches(planned)
    if unfinished is None:
        run = _opened(planned, matches, proofs, command)
    else:
        require_same(unfinished, identities(planned), matches)
        run = rows.resumed_row(unfinished.run)
    with held(store.folder, run["run_id"]):
        if unfinished is not None:
            require_untouched(unfinished)
        store.save_plan(run["run_id"], matches)
        store.save_run(run)
        proven = Proven(planned, proofs, data_root, store=store, run=run, servers=servers, observer=observer)
        with store.room():
            outcome = measure(
                planned,
                run_id=run["run_id"],
                data_root=data_root,
                logs=store.logs,
                certificates=proven.held,
                servers=servers,
                save=store.save_match,
                observer=observer,
                prove=proven.more,
                earlier=unfinished.measured if unfinished else None,
                estimates=Estimates.here(settings.threads),
            )
        outcome = rows.close(store, run, outcome, began_s, earlier_s=unfinished.wall_s if unfinished else 0.0)
    frames = read(settings.results, [run["run_id"]])
    lacked_memory = frames.trials.loc[frames.trials["failure_kind"] == OutOfMemory.kind, "case_id"]
    return Run(
        run_id=run["run_id"],
        outcome=outcome,
        uncertified=tuple(sorted(set(proven.failed["case_id"]) - set(lacked_memory))),
        frames=frames,
        drawn=_drawn(frames, settings),
    )


def planned_matches(planned: Plan) -> list[Match]:
    """What a run is to measure. Who sits in a match of all ways a pilot finds; here it is all who may."""

    def of_ways(case: Case, replicate: int) -> Match:
        return Match(contenders=planned.ways(case), replicate=replicate, chosen=(0,))

    return list(planned.matches(MIN_REPLICATES, of_ways if planned.best else None))


def _opened(planned: Plan, matches: Sequence[Match], proofs: pd.DataFrame, command: str) -> dict[str, Any]:
    """The row of a run that begins."""
    settings = planned.settings
    trials = None if planned.best else sum(len(match.contenders) for match in matches)
    return {
        **rows.opening_row(settings, command, trials_planned=trials, shard=planned.shard),
        "certificate_ids": list(proofs["certificate_id"]),
        **footprint.columns(settings.frameworks, settings.device, settings.pass_env),
    }


def report(settings: Settings, wanted: Sequence[str], leave_out: str | None = None) -> tuple[Frames, Drawn]:
    """Draw the page again from what is on disk; `leave_out` says of which hosts it is not to be.

    Raises:
        BadOption: another `leave_out` than there is.
        ResultsUnusable: a run that is not there, runs of different frameworks together, nothing that is left,
            or a folder that cannot be written.
    """
    unwanted = None if leave_out is None else choice("LEAVE_OUT", leave_out, LeaveOut)
    frames = read(settings.results, wanted)
    if unwanted is LeaveOut.OFF_HOSTS:
        frames = _without_off_hosts(frames)
    frames = apart(frames)
    compared(frames.trials, frames.certificates)
    _require_writable(settings.reports)
    return frames, _drawn(frames, settings)


def _without_off_hosts(frames: Frames) -> Frames:
    told = apart(frames)
    found = states(told)
    if found["off"].all():
        raise ResultsUnusable(
            f"LEAVE_OUT={LeaveOut.OFF_HOSTS}: every host of these runs is off, so nothing would be left"
        )
    # Kinds may be numbered otherwise without these hosts, so theirs are described.
    full = dict(told.kinds[["name", "full"]].to_numpy()) if len(told.kinds) else {}
    return without(frames, found[found["off"]].replace({"kind": full}))


def _drawn(frames: Frames, settings: Settings) -> Drawn:
    def draw() -> Path:
        # Imported when needed: seaborn takes longer to load than a command that does not draw takes to run.
        from harness.report.pages.summary import write_page  # noqa: PLC0415

        return write_page(frames, settings.reports)

    return drawn(draw, settings.results)


def _require_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = error.strerror or str(error)
        raise ResultsUnusable(
            f"REPORTS={folder}: cannot be written ({reason}); use a folder that can"
        ) from error
