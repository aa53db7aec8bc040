"""What files that survive a power cut, and locks, cost a run: `python -m benchmarks.storing_cost RESULTS`

The matches of the latest run there are written again as that run wrote them, in turns with and without
waiting for the disk, beside them on the same disk; so are a run's row and its locks. What waiting takes is
set against the run's wall time.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final
from unittest import mock

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console
from scipy import stats

from harness.measure.alone import PLACE_VARIABLE, alone
from harness.store.holding import held
from harness.store.naming import LATEST
from harness.store.parts import match_names
from harness.store.reader import the_one
from harness.store.schema import ROUNDS, RUNS, TRIALS
from harness.store.tables import read_tables
from harness.store.writer import place

TURNS: Final = 20

# A run's row is written twice, its plan once, and each of two tables once when they are gathered.
_FILES_BESIDE: Final = 5


def main() -> None:
    results, run_id = the_one(Path(sys.argv[1]), LATEST)
    tables = read_tables(results, run_id)
    (run,) = tables["runs"].to_pylist()
    matches = sorted(set(match_names(tables["trials"]).to_pylist()))
    told = Console(highlight=False, width=110)
    with tempfile.TemporaryDirectory(dir=results) as made:
        folder = Path(made)
        parts = [(_of(tables["rounds"], one), _of(tables["trials"], one)) for one in matches]
        waited_s = _in_turns(lambda number: _store(folder, parts[number % len(parts)]))
        beside_s = _in_turns(lambda _: place(tables["runs"].cast(RUNS), folder / "run.parquet"))
        locks_s = _locking_s(folder)
    total_s = waited_s * len(matches) + beside_s * _FILES_BESIDE + locks_s
    share = total_s / run["wall_s"]
    told.print(f"waiting for the disk: {1e3 * waited_s.mean():.2f} ms a match more, {len(matches)} matches")
    told.print(f"waiting for the disk: {1e3 * beside_s.mean():.2f} ms a file more, {_FILES_BESIDE} files")
    told.print(f"locks: {1e3 * locks_s.mean():.2f} ms a run")
    low, high = stats.ttest_1samp(share, 0.0).confidence_interval()
    told.print(
        f"of {run['wall_s']:.0f} s: {100 * share.mean():.3f} % ({100 * low:.3f} to {100 * high:.3f}; "
        f"{TURNS} turns)"
    )


def _of(table: pa.Table, match: str) -> pa.Table:
    return table.filter(pc.equal(match_names(table), match))


def _store(folder: Path, part: tuple[pa.Table, pa.Table]) -> None:
    rounds, trials = part
    place(rounds.cast(ROUNDS), folder / "rounds.parquet")
    place(trials.cast(TRIALS), folder / "trials.parquet")


def _in_turns(work: Callable[[int], None]) -> np.ndarray:
    """How many seconds longer the work takes with waiting for the disk, one number a turn (`TURNS`,)."""
    chance, more = random.Random(0), []
    for turn in range(TURNS):
        took = {}
        for waits in chance.sample([False, True], 2):
            with mock.patch.object(os, "fsync", os.fsync if waits else _no_wait):
                begin_s = time.perf_counter()
                work(turn)
                took[waits] = time.perf_counter() - begin_s
        more.append(took[True] - took[False])
    return np.array(more)


def _no_wait(_: int) -> None:
    """In place of `os.fsync`."""


def _locking_s(folder: Path) -> np.ndarray:
    """Seconds that a run's two locks take, one number a turn (`TURNS`,)."""
    os.environ[PLACE_VARIABLE] = str(folder)
    (folder / "runs").mkdir()
    took = []
    for _ in range(TURNS):
        begin_s = time.perf_counter()
        with alone("harness bench", wait=False, force=False, notice=print), held(folder, "r1"):
            pass
        took.append(time.perf_counter() - begin_s)
    return np.array(took)


if __name__ == "__main__":
    main()
