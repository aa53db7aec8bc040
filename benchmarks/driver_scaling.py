"""What bringing shards together costs as they grow: `python -m benchmarks.driver_scaling 1 10 100 1000`.

`100:100000` is a hundred shards of that many rounds each. One shard is measured by scripted workers, through
the real command line, and stands for all: the others are its tables under their own names, each of another
host. They are brought in by `harness import` and drawn by `harness report`. Costs are told in processor time,
which others on the machine do not lengthen.
"""

from __future__ import annotations

import math
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil
import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console
from rich.table import Table

from harness.settings.presets import FRAMEWORKS
from harness.store.portable import put
from harness.store.tables import read_tables

_ASKED: Final = (
    "--dataset", "synthetic", "--batch-size", "100,200", "--train-samples", "2000", "--epochs", "1",
    "--replicates", "5", "--round", "0.01", "--allow-mismatch",
)  # fmt: skip
_PAUSE_S: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a command took of the processors and, at most, of memory."""

    processor_s: float
    peak_bytes: int


def main() -> None:
    table = Table(
        "shards", "rounds", "import, processor s", "ms a shard", "MiB at most", "report, processor s",
        "MiB at most",
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="evenmatch-driver-") as folder:
        plan_id, measured = _measured(Path(folder))
        for asked in sys.argv[1:] or ("1", "10", "100", "1000"):
            shards, rounds = (int(part or 0) for part in asked.partition(":")[::2])
            place = Path(folder) / asked
            sources, rounds = _multiplied(measured, plan_id, shards, rounds, place)
            brought = _cost(place, "import", *sources)
            drawn = _cost(place, "report", plan_id)
            table.add_row(
                f"{shards:,}", f"{rounds:,}", f"{brought.processor_s:.1f}",
                f"{1000 * brought.processor_s / shards:.0f}", f"{brought.peak_bytes / 2**20:.0f}",
                f"{drawn.processor_s:.1f}", f"{drawn.peak_bytes / 2**20:.0f}",
            )  # fmt: skip
    Console(width=120).print(table)


def _measured(folder: Path) -> tuple[str, Path]:
    """The plan's name, and the results of its only shard."""
    _cost(folder, "plan", *_ASKED, "--shards", "1", "--output", "plan")
    _cost(folder, "run-shard", "plan/1.json", "--output", "out")
    (run,) = (folder / "out" / "runs").glob("[!.]*.parquet")
    return run.stem.removesuffix("-s0001"), folder / "out"


def _multiplied(measured: Path, plan_id: str, shards: int, rounds: int, place: Path) -> tuple[list[str], int]:
    """So many results folders, each of a shard of its own that another host has measured.

    Also how many rounds they have together.
    """
    run_id = f"{plan_id}-s0001"
    tables = read_tables(measured, run_id)
    tables["rounds"] = _lengthened(tables["rounds"], rounds)
    for number in range(1, shards + 1):
        named = {name: _renamed(table, run_id, f"{plan_id}-s{number:04d}") for name, table in tables.items()}
        runs = named["runs"]
        named["runs"] = _with(_with(runs, "hostname", f"host-{number}"), "shard", number)
        put(f"{plan_id}-s{number:04d}", named, place / "out" / str(number))
    return [f"out/{number}" for number in range(1, shards + 1)], shards * tables["rounds"].num_rows


def _lengthened(rounds: pa.Table, least: int) -> pa.Table:
    """At least so many rounds: each trial takes its turns again and again."""
    column = rounds.column_names.index("round_index")
    turns = rounds.column(column)
    once = pc.max(turns).as_py() + 1
    again = [
        rounds.set_column(
            column, rounds.schema.field(column), pc.add(turns, pa.scalar(number * once, turns.type))
        )
        for number in range(max(1, math.ceil(least / rounds.num_rows)))
    ]
    return pa.concat_tables(again)


def _renamed(table: pa.Table, run_id: str, to: str) -> pa.Table:
    """Names that begin with the run's begin with another's."""
    for name in ("run_id", "match_id", "trial_id"):
        if name in table.column_names:
            renamed = pc.replace_substring(table.column(name), run_id, to)
            table = table.set_column(table.column_names.index(name), table.schema.field(name), renamed)
    return table


def _with(table: pa.Table, name: str, value: object) -> pa.Table:
    field = table.schema.field(name)
    column = pa.array([value] * table.num_rows, field.type)
    return table.set_column(table.column_names.index(name), field, column)


def _cost(folder: Path, *arguments: str) -> Cost:
    """What a command of the harness costs in a folder; it has to succeed."""
    own = {"PYTHONPATH": str(Path(__file__).parents[1]), "EVENMATCH_LOCK": str(folder), "NO_COLOR": "1"}
    own |= {f"EVENMATCH_ADAPTER_{name.upper()}": "harness.frameworks.scripted" for name in FRAMEWORKS}
    seen: list[tuple[float, int]] = []
    with (folder / "said").open("wb") as said:
        process = psutil.Popen(
            [sys.executable, "-m", "harness", *arguments], cwd=folder, env=os.environ | own, stdout=said,
            stderr=said,
        )  # fmt: skip
        # One that has ended tells its times until it is waited for.
        while process.status() != psutil.STATUS_ZOMBIE:
            taken = process.cpu_times()
            seen.append((taken.user + taken.system, process.memory_info().rss))
            time.sleep(_PAUSE_S)
        if process.wait():
            sys.exit(f"harness {arguments[0]}: {(folder / 'said').read_text()[-500:]}")
    return Cost(processor_s=seen[-1][0], peak_bytes=max(resident for _, resident in seen))


if __name__ == "__main__":
    main()
