"""Runs of another results folder brought into this one, each whole and once.

A run that is in both, a shard that was sent out twice or went on, counts as the attempt that measured more:
attempts on two hosts are never mixed, and one that goes on only grows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from harness.errors import ResultsUnusable
from harness.store.holding import is_held
from harness.store.naming import is_plain
from harness.store.parts import UNREADABLE, match_names
from harness.store.portable import put
from harness.store.reader import run_ids
from harness.store.schema import ATTEMPTS, CALIBRATION, PLANS
from harness.store.tables import lost_trials, one_table, read_tables
from harness.store.writer import Store, place
from harness.work.records import INTERRUPTED, RunStatus

Tables = dict[str, pa.Table]


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """What became of a run that was to be brought in, in words."""

    run_id: str
    says: str


def bring(source: Path, target: Path, only: Sequence[str] | None = None) -> list[Brought]:
    """Bring all runs of a results folder into another, which is prepared, with the plans that they follow and
    the calibrations that are there; or `only` some of the runs.

    Raises:
        ResultsUnusable: a folder without runs, a name that is none, a damaged file or one of a newer version,
            or a run that is being measured.
        NotStored: a file cannot be written.
    """
    names = [one for one in run_ids(source) if only is None or one in only]
    if not names:
        raise ResultsUnusable(f"{source}: holds no runs")
    brought = [_bring(one, source, target) for one in names]
    _bring_calibrations(source, target)
    return brought


def _bring_calibrations(source: Path, target: Path) -> None:
    """The tries of the other folder's calibrations, which tell of its hosts; a try never changes."""
    for path in sorted((source / CALIBRATION / "attempts").glob("[!.]*.parquet")):
        here = target / CALIBRATION / "attempts" / path.name
        if not here.is_file():
            place(one_table([path], ATTEMPTS), here)


def _bring(run_id: str, source: Path, target: Path) -> Brought:
    if not is_plain(run_id):
        raise ResultsUnusable(f"{source}: holds a run with a name that is none: {run_id!r}")
    for folder in (source, target):
        if is_held(folder, run_id):
            raise ResultsUnusable(
                f"run {run_id}: is being measured in {folder}; bring it in when it has ended"
            )
    theirs = read_tables(source, run_id)
    if lost := lost_trials(theirs):
        raise ResultsUnusable(f"{source}: run {run_id} lacks {lost} of the trials that its row tells of")
    if not (target / "runs" / f"{run_id}.parquet").is_file():
        _write(run_id, theirs, source, target)
        return Brought(run_id=run_id, says=f"brought in, {_matches(theirs)} matches")
    ours = read_tables(target, run_id)
    if _worth(theirs) <= _worth(ours):
        return Brought(
            run_id=run_id, says=f"is here already, with {_matches(ours)} matches; nothing was changed"
        )
    _write(run_id, theirs, source, target)
    says = f"brought in, {_matches(theirs)} matches, in place of an attempt with {_matches(ours)}"
    return Brought(run_id=run_id, says=says)


def _write(run_id: str, tables: Tables, source: Path, target: Path) -> None:
    plan = source / "plans" / f"{run_id}.parquet"
    if plan.is_file():
        try:
            place(pq.ParquetFile(plan).read().select(PLANS.names).cast(PLANS), target / "plans" / plan.name)
        except UNREADABLE as error:
            raise ResultsUnusable(f"{plan}: cannot be read ({error})") from error
    # What is there match by match would count before it.
    Store(target).gather(run_id)
    put(run_id, tables, target)


def _worth(tables: Tables) -> tuple[int, bool]:
    """By what one attempt is more than another: whole matches, and whether it has finished."""
    return _matches(tables), RunStatus.FINISHED in tables["runs"].column("status").to_pylist()


def _matches(tables: Tables) -> int:
    """How many matches were measured to their end."""
    trials = tables["trials"]
    names, cut_short = match_names(trials), pc.equal(trials.column("failure_kind"), INTERRUPTED)
    lacking = pc.unique(names.filter(pc.fill_null(cut_short, False)))  # noqa: FBT003  (pyarrow's signature)
    return len(set(names.to_pylist()) - set(lacking.to_pylist()))
