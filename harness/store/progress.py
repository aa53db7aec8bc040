"""How far a run has come, by the files that it has left so far; cheap enough for every few seconds."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from harness.store.parts import MANY, UNREADABLE, bundles, match_names, singles, whole
from harness.work.records import RunStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Matches that are on disk, to a bundle, and whether the run says that it has finished."""

    matches: int
    is_finished: bool


def progress(folder: Path, run_id: str) -> Progress:
    """Of a run that somebody may be measuring; one that is not there yet has no matches."""
    trials = folder / "trials"
    matches = len(singles(trials, run_id)) + MANY * len(bundles(trials, run_id))
    with suppress(*UNREADABLE):
        names = match_names(pq.ParquetFile(whole(trials, run_id)).read(columns=["match_id"]))
        matches += len(pc.unique(names))
    return Progress(matches=matches, is_finished=_is_finished(folder / "runs" / f"{run_id}.parquet"))


def _is_finished(path: Path) -> bool:
    with suppress(*UNREADABLE):
        says = pq.ParquetFile(path).read(columns=["status"]).column("status").to_pylist()
        return bool(says == [RunStatus.FINISHED])
    return False
