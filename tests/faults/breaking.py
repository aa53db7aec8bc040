"""A run on the command line that is broken at some moment, goes on, and is looked through afterwards."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import psutil
import pyarrow.parquet as pq

from tests.processes import command

ROOT = Path(__file__).parents[2]

# Two cases, their control and what they learn: nine matches.
ASKED = (
    "--dataset", "synthetic", "--batch-size", "100,200", "--train-samples", "2000", "--epochs", "1",
    "--replicates", "2", "--budget", "3000", "--round", "0.01", "--at-best", "no", "--allow-mismatch",
)  # fmt: skip

# As long as a process may live on whose parent has gone.
GRACE_S = 1.0

# How long a command may take that is not broken.
_TIMEOUT_S = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An empty folder in which a run is broken; what is begun in it can be told from anything else.

    `real` are the frameworks themselves, in place of what follows a script.
    """

    folder: Path
    cache: Path
    real: bool = False
    results: str = "results"

    @property
    def temporary(self) -> Path:
        return self.folder / "temporary"

    def begin(self, *arguments: str) -> subprocess.Popen[bytes]:
        """`harness bench` with these arguments; what it says goes to a file."""
        self.temporary.mkdir(parents=True, exist_ok=True)
        with (self.folder / "said").open("ab") as said:
            return subprocess.Popen(
                [sys.executable, "-m", "harness", "bench", "--results", self.results, *arguments],
                cwd=self.folder, env=self._environment, stdout=said, stderr=said, start_new_session=True,
            )  # fmt: skip

    def finish(self, *arguments: str) -> int:
        """The exit status of `harness bench`, which is given time."""
        process = self.begin(*arguments)
        try:
            return process.wait(_TIMEOUT_S)
        finally:
            process.kill()
            process.wait()

    @property
    def said(self) -> str:
        return (self.folder / "said").read_text(encoding="utf-8", errors="replace")

    @property
    def _environment(self) -> dict[str, str]:
        own = {
            "PYTHONPATH": str(ROOT), "TMPDIR": str(self.temporary), "XDG_CACHE_HOME": str(self.cache),
            "EVENMATCH_LOCK": str(self.folder), "NO_COLOR": "1",
        }  # fmt: skip
        if not self.real:
            script = json.dumps({"train_s": 0.01, "evaluate_s": 0.002})
            for name in ("TENSORFLOW", "PYTORCH"):
                own |= {f"EVENMATCH_ADAPTER_{name}": "harness.frameworks.scripted"}
                own |= {f"EVENMATCH_SCRIPT_{name}": script}
        return os.environ | own

    def processes(self) -> list[psutil.Process]:
        """All that were begun here and are still there: their temporary folders are in this folder."""
        mark = str(self.temporary)
        found = []
        for one in psutil.process_iter():
            with suppress(psutil.Error):
                if one.status() != psutil.STATUS_ZOMBIE and mark in one.environ().get("TMPDIR", ""):
                    found.append(one)
        return found

    def workers(self) -> list[psutil.Process]:
        """Those among them that are asked for a match, or fork who is."""
        return [one for one in self.processes() if any("harness.worker" in word for word in command(one))]

    def left(self) -> list[str]:
        """The processes that live on too long after their parent has gone."""
        deadline_s = time.monotonic() + GRACE_S
        while (there := self.processes()) and time.monotonic() < deadline_s:
            time.sleep(0.02)
        return [" ".join(command(one)) for one in there]

    def wrong(self) -> list[str]:
        """What is not as it should be, now that the run has been finished."""
        results = self.folder / self.results
        tables = {}
        for name in ("runs", "plans", "trials", "rounds"):
            for path in sorted((results / name).glob("*")):
                try:
                    tables.setdefault(name, []).append(pq.ParquetFile(path).read().to_pandas())
                except (OSError, ValueError) as error:
                    return [f"{path.name} cannot be read: {error}"]
        runs, plan, trials, rounds = (
            pd.concat(tables[name]) for name in ("runs", "plans", "trials", "rounds")
        )
        # A plan comes before its run, which there was no room for.
        plan = plan[plan["run_id"].isin(runs["run_id"])]
        whole = trials[trials["failure_kind"].isna()]
        hidden = [str(path) for path in results.rglob(".*")]
        return [
            *(f"{len(runs)} runs" for _ in range(len(runs) != 1)),
            *(f"it says {one}" for one in runs["status"] if one != "finished"),
            *(f"double: {one}" for one in trials.loc[trials["trial_id"].duplicated(), "trial_id"]),
            *(f"lost: {one}" for one in set(plan["match_id"]) - set(trials["match_id"])),
            *(f"not planned: {one}" for one in set(trials["match_id"]) - set(plan["match_id"])),
            *(f"no rounds: {one}" for one in set(whole["trial_id"]) - set(rounds["trial_id"])),
            *(f"left in results: {one}" for one in hidden),
            *(f"left behind: {path}" for path in self.temporary.iterdir()),
        ]


def break_parent(place: Place, after_s: float) -> list[str]:
    """Kill a run's parent at a moment; what lives on then."""
    process = place.begin(*ASKED)
    with suppress(subprocess.TimeoutExpired):
        process.wait(after_s)
    process.kill()
    process.wait()
    return place.left()


def break_worker(place: Place, after_s: float, chance: random.Random) -> bool:
    """Kill any worker of a run at the first moment from then on at which there is one; whether there was."""
    process = place.begin(*ASKED)
    with suppress(subprocess.TimeoutExpired):
        process.wait(after_s)
    killed = False
    while process.poll() is None and not killed:
        there = place.workers()
        if there:
            with suppress(psutil.Error):
                chance.choice(there).send_signal(signal.SIGKILL)
                killed = True
    process.wait(_TIMEOUT_S)
    return killed


@contextmanager
def small_disk(folder: Path, size_bytes: int) -> Iterator[Callable[[int], None]]:
    """An empty disk of so many bytes at a folder while the block runs; what is yielded gives it another size.

    It is a file system in memory, for which one needs the right to mount.
    """
    folder.mkdir(parents=True, exist_ok=True)

    def mount(*options: str) -> None:
        subprocess.run(["mount", *options, "tmpfs", folder], check=True)

    mount("-t", "tmpfs", "-o", f"size={size_bytes}")
    try:
        yield lambda size_bytes: mount("-o", f"remount,size={size_bytes}")
    finally:
        subprocess.run(["umount", folder], check=True)


def break_disk(place: Place) -> list[str]:
    """Measure where there may not be room enough; what is not as it should be of how that ends."""
    status = place.finish(*ASKED)
    full = "No space left on device" in place.said
    allowed = {1, 2} if full else {0}
    return [
        *(f"it ended with {status}: {place.said[-500:]}" for _ in range(status not in allowed)),
        *("a traceback: " + place.said[-500:] for _ in range("Traceback" in place.said)),
        *(f"lives on: {one}" for one in place.left()),
    ]


def go_on(place: Place) -> int:
    """Finish the run that was broken; one that had not begun is begun."""
    begun = any((place.folder / place.results / "runs").glob("[!.]*.parquet"))
    return place.finish(*(("--resume", "latest") if begun else ASKED))
