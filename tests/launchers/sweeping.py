"""A plan of scripted cases, launched by a real command, and what is counted of it afterwards."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from harness.launchers import notes
from harness.measure.alone import PLACE_VARIABLE

ROOT = Path(__file__).parents[2]

SCRIPTS = {"TENSORFLOW": {"epoch_s": 0.01}, "PYTORCH": {"epoch_s": 0.02}}

# Time enough for a machine that does other things, too.
_ENDED_S = 900


class Sweep:
    """A folder with a plan, and the environment in which it is launched."""

    def __init__(self, folder, cache, *, scripted=True, **environment):
        self.folder = folder
        folder.mkdir(exist_ok=True)
        # Each node has a place for the lock of its own.
        outer = {name: value for name, value in os.environ.items() if name != PLACE_VARIABLE}
        self.environment = outer | {"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(cache), "NO_COLOR": "1"}
        self.environment |= environment
        for name, script in SCRIPTS.items() if scripted else ():
            self.environment[f"EVENMATCH_ADAPTER_{name}"] = "harness.frameworks.scripted"
            self.environment[f"EVENMATCH_SCRIPT_{name}"] = json.dumps(script)

    def plan(self, *options, shards, small=("--dataset", "synthetic", "--train-samples", "200")):
        asked = (*small, "--epochs", "1", "--round", "0.01", "--allow-mismatch", "--budget", "3000")
        self._harness("plan", *asked, *options, "--shards", str(shards), "--output", "plan")

    def launch(self, *options):
        """The driver, going on in the background."""
        log = (self.folder / "launch.log").open("ab")
        with log:
            return subprocess.Popen(
                [sys.executable, "-m", "harness", "launch", "plan", "--output", "out", *options],
                cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    @contextmanager
    def launched(self, *options):
        """The driver while the block lasts; one that has not ended then is told to."""
        with self.launch(*options) as process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.send_signal(signal.SIGTERM)

    def until(self, is_so, process=None, within_s=_ENDED_S):
        """Wait for what is to happen while the driver goes on."""
        by_s = time.monotonic() + within_s
        while not is_so():
            ended = process is not None and process.poll() is not None
            assert not ended, f"the driver has ended:\n{self.said()}"
            assert time.monotonic() < by_s, f"it did not happen:\n{self.said()}"
            time.sleep(0.5)

    def on_disk(self, host):
        """Files of matches that a host has left."""
        return len(list((self.folder / "out").glob(f"[0-9]*/{host}/trials/*.parquet")))

    def said(self):
        return (self.folder / "launch.log").read_text()

    def attempts(self):
        """Notes of all shards, in the order in which the attempts were begun."""
        numbers = range(1, 1 + len(list((self.folder / "plan").glob("*.json"))))
        found = [one.note for number in numbers for one in notes.read(self.folder / "out", number)]
        return sorted(found, key=lambda note: note.started_at)

    def require_whole(self):
        """Every match of the plan is in the results once, on one host, and no host had two runs at once."""
        asked = Counter(
            name
            for path in (self.folder / "plan").glob("*.json")
            for name in json.loads(path.read_text())["matches"]
        )
        trials = pd.read_parquet(self.folder / "results" / "trials")
        runs = pd.read_parquet(self.folder / "results" / "runs")
        assert set(asked.values()) == {1}
        assert set(trials["match_id"].str.replace(r"^.*?-s\d{4}-", "", regex=True)) == set(asked)
        assert not trials["trial_id"].duplicated().any()
        assert set(runs["status"]) == {"finished"}
        assert len(runs) == len(list((self.folder / "plan").glob("*.json")))
        hosts = trials.merge(runs[["run_id", "hostname"]], on="run_id").groupby("match_id")["hostname"]
        assert hosts.nunique().eq(1).all()
        for _, of_host in runs.groupby("hostname"):
            times = of_host.sort_values("started_at")
            assert (
                times["started_at"].iloc[1:].to_numpy() >= times["finished_at"].iloc[:-1].to_numpy()
            ).all()
        self._harness("check")
        return trials, runs

    def _harness(self, *arguments):
        done = subprocess.run(
            [sys.executable, "-m", "harness", *arguments],
            cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
