"""What a run costs as its trials grow: `python -m benchmarks.sweep_scaling 10 1000 10000`.

The real command line, processes and storage; workers follow a script instead of training, in no time. All
are forked: a script is the same in a fresh process, whose start takes longer than all the rest. Each run is
drawn by `harness report` once while it goes on, when half of its matches are there, and once at its end. What
a trial costs the parent is told in processor time, which others on the machine do not lengthen.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
import psutil
from rich.console import Console
from rich.table import Table

from harness.settings.presets import FRAMEWORKS
from harness.store.parts import MANY
from harness.work.recipe import Floats

# Two cases and, every other time, their control.
_TRIALS_A_REPLICATE: Final = 5
_ASKED: Final = (
    "--dataset", "synthetic", "--batch-size", "100,200", "--train-samples", "2000", "--epochs", "1",
    "--round", "0.01", "--within", "0.01%", "--budget", "86400", "--at-best", "no", "--allow-mismatch",
)  # fmt: skip
_SCRIPT: Final = {"train_s": 0.0, "evaluate_s": 0.0}
_PAUSE_S: Final = 0.2
# The command, with the workers of every match forked.
_HARNESS: Final = """
from dataclasses import replace
from harness.cli import main
from harness.engine.conditions import Conditions
from harness.work.records import Role
of = Conditions.of
Conditions.of = lambda *given, **more: replace(of(*given, **more), forked=frozenset(Role))
main()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a run took: its first tenth is that of its trials in the order of their start."""

    trials: int
    wall_s: float
    first_trial_s: float
    last_trial_s: float
    first_parent_s: float
    last_parent_s: float
    first_peak_bytes: int
    measuring_peak_bytes: int
    peak_bytes: int
    report_half_s: float
    report_s: float
    results_bytes: int


class Seen(NamedTuple):
    """The parent at a moment."""

    at_s: float
    processor_s: float
    resident_bytes: int

    @classmethod
    def of(cls, process: psutil.Process) -> Seen:
        with process.oneshot():
            taken = process.cpu_times()
            return cls(time.time(), taken.user + taken.system, process.memory_info().rss)


def main() -> None:
    table = Table(
        "trials", "minutes", "s a trial, first tenth", "last tenth", "parent's ms a trial, first tenth",
        "last tenth", "parent MiB, first tenth", "measuring", "with the page",
        "report at half, s", "report, s", "results MiB",
    )  # fmt: skip
    for wanted in map(int, sys.argv[1:] or ("10", "1000", "10000")):
        with tempfile.TemporaryDirectory(prefix="evenmatch-sweep-") as folder:
            cost = measured(Path(folder), max(2, round(wanted / _TRIALS_A_REPLICATE)))
        table.add_row(
            f"{cost.trials:,}", f"{cost.wall_s / 60:.1f}", f"{cost.first_trial_s:.3f}",
            f"{cost.last_trial_s:.3f}", f"{1000 * cost.first_parent_s:.0f}",
            f"{1000 * cost.last_parent_s:.0f}", f"{cost.first_peak_bytes / 2**20:.0f}",
            f"{cost.measuring_peak_bytes / 2**20:.0f}", f"{cost.peak_bytes / 2**20:.0f}",
            f"{cost.report_half_s:.1f}", f"{cost.report_s:.1f}", f"{cost.results_bytes / 2**20:.1f}",
        )  # fmt: skip
    Console(width=200).print(table)


def measured(folder: Path, replicates: int) -> Cost:
    """Run so many replicates, and watch the parent meanwhile."""
    begin_s, halfway_s = time.monotonic(), None
    seen: list[Seen] = []
    with _begun(folder, "bench", *_ASKED, "--replicates", str(replicates)) as process:
        while process.poll() is None:
            seen.append(Seen.of(process))
            if halfway_s is None and _matches(folder) >= replicates * _TRIALS_A_REPLICATE / 4:
                halfway_s = _report_s(folder)
            time.sleep(_PAUSE_S)
    if process.returncode:
        sys.exit(f"it ended with {process.returncode}: {(folder / 'said').read_text()[-500:]}")
    wall_s = time.monotonic() - begin_s
    trials = pd.read_parquet(folder / "results" / "trials", columns=["started_at"])
    starts_s = np.sort(trials["started_at"].map(pd.Timestamp.timestamp).to_numpy())
    # Of a few trials those of a match begin together.
    tenth = max(6, len(starts_s) // 10)
    first, last = starts_s[[0, tenth]], starts_s[[-1 - tenth, -1]]
    return Cost(
        trials=len(starts_s),
        wall_s=wall_s,
        first_trial_s=np.diff(first).item() / tenth,
        last_trial_s=np.diff(last).item() / tenth,
        first_parent_s=np.diff(_processor_s(seen, first)).item() / tenth,
        last_parent_s=np.diff(_processor_s(seen, last)).item() / tenth,
        first_peak_bytes=max(one.resident_bytes for one in seen if one.at_s <= first[1]),
        measuring_peak_bytes=max(one.resident_bytes for one in seen if one.at_s <= last[1]),
        peak_bytes=max(one.resident_bytes for one in seen),
        report_half_s=halfway_s or float("nan"),
        report_s=_report_s(folder),
        results_bytes=sum(path.stat().st_size for path in (folder / "results").rglob("*.parquet")),
    )


def _processor_s(seen: Sequence[Seen], at_s: Floats) -> Floats:
    """What the parent had taken of the processors by then."""
    return np.interp(at_s, [one.at_s for one in seen], [one.processor_s for one in seen])


def _begun(folder: Path, *arguments: str) -> psutil.Popen:
    own = {"PYTHONPATH": str(Path(__file__).parents[1]), "EVENMATCH_LOCK": str(folder), "NO_COLOR": "1"}
    for name in FRAMEWORKS:
        own[f"EVENMATCH_ADAPTER_{name.upper()}"] = "harness.frameworks.scripted"
        own[f"EVENMATCH_SCRIPT_{name.upper()}"] = json.dumps(_SCRIPT)
    with (folder / "said").open("ab") as said:
        return psutil.Popen(
            [sys.executable, "-c", _HARNESS, *arguments], cwd=folder, env=os.environ | own, stdout=DEVNULL,
            stderr=said,
        )  # fmt: skip


def _matches(folder: Path) -> int:
    """About how many matches are on disk."""
    names = [path.name for path in (folder / "results" / "trials").glob("[!.]*.parquet")]
    bundles = sum("-~" in name for name in names)
    return len(names) - bundles + MANY * bundles


def _report_s(folder: Path) -> float:
    begin_s = time.monotonic()
    with _begun(folder, "report") as process:
        if process.wait():
            sys.exit(f"no report: {(folder / 'said').read_text()[-500:]}")
    return time.monotonic() - begin_s


if __name__ == "__main__":
    main()
