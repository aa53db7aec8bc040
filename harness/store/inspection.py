"""A results folder looked through: what cannot be read, is double, missing or left over, and what is mended.

Mended is only what loses nothing: gathering that was cut short is finished, and what a killed process had
half written is removed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from harness.errors import NotStored, ResultsUnusable
from harness.store import certificates
from harness.store.holding import held, is_held
from harness.store.naming import is_plain
from harness.store.parts import UNREADABLE, match_names, parts_of
from harness.store.reader import run_ids
from harness.store.schema import CALIBRATION, EXPLANATIONS, SCHEMA_VERSION
from harness.store.tables import lost_trials, read_tables
from harness.store.writer import VERSION_KEY, Store
from harness.work.records import RunStatus, Status

_OF_RUNS: Final = ("plans", "trials", "rounds")

# A file that is being written is younger.
_HALF_WRITTEN_S: Final = 3600.0

# More of a kind are counted only.
_MOST_NAMED: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One thing that is not as it should be; `is_harm` where something measured is lost, double or torn."""

    says: str
    is_harm: bool = False
    mended: bool = False


def inspect(folder: Path) -> Iterator[Found]:
    """Look through a results folder, and those of its calibrations and explanations; mend what is safe."""
    for place in (folder, folder / CALIBRATION, folder / EXPLANATIONS):
        if place.is_dir():
            yield from _left_over(place)
            broken = [found for path in sorted(place.glob("*/[!.]*.parquet")) for found in _unreadable(path)]
            yield from broken
            if not broken:
                yield from _not_gathered(place)
                yield from _orphans(place)
                for run_id in run_ids(place):
                    # What a run that is being measured has is not whole from one moment to the next.
                    if not is_held(place, run_id):
                        yield from _of_run(place, run_id)


def _left_over(folder: Path) -> Iterator[Found]:
    for path in sorted(folder.glob("*/.*.parquet.*")):
        # Whoever writes it may have finished by now.
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > _HALF_WRITTEN_S:
                path.unlink()
                yield Found(says=f"{path}: half written, removed", mended=True)
    for path in sorted(folder.glob("runs/.*.lock")):
        run_id = path.name.removeprefix(".").removesuffix(".lock")
        # Holding it removes it, and nobody else can begin to in between.
        with suppress(ResultsUnusable, NotStored), held(folder, run_id):
            yield Found(says=f"{path}: the lock of a process that has gone, removed", mended=True)


def _unreadable(path: Path) -> Iterator[Found]:
    """Read a file to its end, against its own checksums."""
    try:
        file = pq.ParquetFile(path, page_checksum_verification=True)
        version = int((file.schema_arrow.metadata or {}).get(VERSION_KEY, b"0"))
        for group in range(file.num_row_groups):
            file.read_row_group(group)
    except UNREADABLE as error:
        yield Found(says=f"{path}: cannot be read ({error})", is_harm=True)
        return
    if version > SCHEMA_VERSION:
        says = f"{path}: written with schema {version}, this version reads up to {SCHEMA_VERSION}; update it"
        yield Found(says=says, is_harm=True)


def _not_gathered(folder: Path) -> Iterator[Found]:
    before = {run_id: len(parts_of(folder / "trials", run_id)) for run_id in run_ids(folder)}
    Store(folder).finish_gathering()
    for run_id, parts in before.items():
        if parts and not parts_of(folder / "trials", run_id):
            says = f"run {run_id}: gathering {parts} files of matches was cut short, finished"
            yield Found(says=says, mended=True)


def _orphans(folder: Path) -> Iterator[Found]:
    known = run_ids(folder)
    for name in _OF_RUNS:
        paths = sorted((folder / name).glob("[!.]*.parquet"))
        lost = [path for path in paths if not any(_is_of(path, run_id) for run_id in known)]
        if lost and known:
            # A plan is there before its run.
            yield Found(says=f"{_named(lost)}: of no run that is here", is_harm=name != "plans")


def _is_of(path: Path, run_id: str) -> bool:
    return path.stem == run_id or path.stem.startswith(f"{run_id}-")


def _of_run(folder: Path, run_id: str) -> Iterator[Found]:
    try:
        tables = read_tables(folder, run_id)
    except ResultsUnusable as error:
        yield Found(says=str(error), is_harm=True)
        return
    rows = tables["runs"].to_pylist()
    if len(rows) != 1:
        yield Found(says=f"run {run_id}: its file has {len(rows)} rows, where a run has one", is_harm=True)
        return
    (run,) = rows
    if lost := lost_trials(tables):
        yield Found(
            says=f"run {run_id}: {lost} of the trials that its row tells of are not here", is_harm=True
        )
    trials = tables["trials"].select(["trial_id", "status"]).to_pandas()
    timed = set(tables["rounds"].column("trial_id").unique().to_pylist())
    finished = trials.loc[trials["status"] == Status.OK, "trial_id"].unique()
    for says, names in (
        ("there twice", list(trials.loc[trials["trial_id"].duplicated(), "trial_id"])),
        ("without its rounds", [one for one in finished if one not in timed]),
        ("a certificate that the run names is not here", _without_file(folder, run["certificate_ids"])),
    ):
        if names:
            yield Found(says=f"run {run_id}: {_named(names)}: {says}", is_harm=True)
    if bare_rounds := sorted(timed - set(trials["trial_id"])):
        # Killed between the two; a match is no more than its trials.
        yield Found(says=f"run {run_id}: {_named(bare_rounds)}: rounds without their trial")
    if run["status"] not in {None, RunStatus.FINISHED}:
        yield Found(says=f"run {run_id}: not finished{_missing(folder, run_id, tables['trials'])}")


def _without_file(folder: Path, ids: list[str] | None) -> list[str]:
    place = folder / certificates.FOLDER
    return [one for one in ids or [] if not (is_plain(one) and (place / f"{one}.parquet").is_file())]


def _missing(folder: Path, run_id: str, trials: pa.Table) -> str:
    """How much of its plan is there, where it has one."""
    path = folder / "plans" / f"{run_id}.parquet"
    if not path.is_file():
        return ""
    planned = pd.Series(pq.ParquetFile(path).read(["match_id"]).column(0).to_pylist())
    there = planned.isin(match_names(trials).to_pylist())
    return f"; {there.sum()} of at most {len(planned)} matches are there, and `--resume {run_id}` goes on"


def _named(names: list[Path] | list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{', '.join(map(str, names[:_MOST_NAMED]))}{more}"
