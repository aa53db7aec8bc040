"""Measure what the harness adds: `python -m benchmarks.harness_overhead --help`."""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Final

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks.harness_overhead.bare_process import write_given
from benchmarks.harness_overhead.overhead import MARGIN, Overhead, log_ratio, overheads
from benchmarks.harness_overhead.replicate import ROUND_S, Replicate, Setting, Turns, rounds_in
from harness.analysis.intervals import Interval
from harness.data import cache, mnist
from harness.engine.rounds import Part
from harness.errors import BadOption, HarnessError
from harness.frameworks import registry
from harness.settings import config
from harness.settings.presets import FRAMEWORKS
from harness.work.program import Update
from harness.work.workload import USUAL, Mode, Way

# Settings of `harness bench` that are options here too; it checks their values.
_SHARED = {
    "batch_size": ("64,1024", "training batch sizes"),
    "replicates": ("8", "fresh processes a framework, way and batch size"),
    "dataset": ("mnist", "mnist, fashion-mnist or synthetic"),
    "threads": ("auto", "threads of each framework; auto leaves one core free"),
}

# The explicit loop, and each framework's fastest way on a CPU: a script of each is in this folder.
WAYS: Final = {
    "tensorflow": (USUAL, Way(mode=Mode.GRAPH)),
    "pytorch": (USUAL, Way(mode=Mode.LOOP, update=Update.FUSED)),
    "jax": (USUAL, Way(mode=Mode.GRAPH)),
}

# A file or a pipe counts as 80 columns wide, which would fold the intervals.
_TABLE_COLUMNS: Final = 110


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked, checked."""

    settings: config.Settings
    contenders: tuple[tuple[str, Way], ...]
    seconds: float
    output: Path | None


def parse(arguments: Sequence[str]) -> Options:
    """Read the command line.

    Raises:
        BadOption: a value that is not allowed.
        FrameworkMissing: a framework that is not installed here.
    """
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.harness_overhead",
        description="One way of training in a bare script and in the harness's worker, in turns, on the CPU.",
    )
    for name, (default, text) in _SHARED.items():
        option = "--" + name.replace("_", "-")
        parser.add_argument(option, default=default, help=f"{text} (default: {default})")
    asked = f"this one, in place of {' and '.join(FRAMEWORKS)}"
    parser.add_argument("--framework", action="append", choices=sorted(WAYS), help=asked)
    ways = sorted({way.id for ways in WAYS.values() for way in ways})
    parser.add_argument("--way", action="append", choices=ways, help="only this one")
    parser.add_argument(
        "--seconds",
        default="3",
        help=f"training a side and replicate, in rounds of {ROUND_S:g} s (default: 3)",
    )
    parser.add_argument("--output", type=Path, help="write every round to this CSV file")
    given = parser.parse_args(arguments)
    frameworks = given.framework or list(FRAMEWORKS)
    registry.require_installed(frameworks)
    return Options(
        settings=config.resolve({name: getattr(given, name) for name in _SHARED}, {}, Path()),
        contenders=_contenders(frameworks, given.way or ways),
        seconds=_seconds(given.seconds),
        output=given.output,
    )


def _contenders(frameworks: Sequence[str], ways: Sequence[str]) -> tuple[tuple[str, Way], ...]:
    found = tuple((one, way) for one in frameworks for way in WAYS[one] if way.id in ways)
    if not found:
        had = ", ".join(f"{one}: {way.id}" for one in frameworks for way in WAYS[one])
        raise BadOption("WAY", ", ".join(ways), f"a way of the framework ({had})")
    return found


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise BadOption("SECONDS", text, "a number of seconds above 0")
    return value


def measure(options: Options, scratch: Path) -> Iterator[list[Turns]]:
    """The rounds of each replicate; all settings have theirs before any has its next, so they share drift."""
    settings = options.settings
    root = mnist.locate(settings.dataset, data_dir=None, cache=cache.cache_folder()).root
    grid = [
        Setting(
            framework=framework,
            way=way,
            dataset=settings.dataset,
            batch_size=batch_size,
            threads=settings.threads,
            data_root=root,
            given=scratch / "given.npz",
            scratch=scratch,
        )
        for (framework, way), batch_size in product(options.contenders, settings.batch_size)
    ]
    write_given(scratch / "given.npz", grid[0].case.workload, root)
    planned: dict[Setting, tuple[tuple[Part, ...], ...]] = {}
    for number, setting in product(range(settings.replicates), grid):
        with Replicate(setting, number) as replicate:
            if setting not in planned:
                planned[setting] = replicate.plan(rounds_in(options.seconds))
            yield list(replicate.take_turns(planned[setting]))


def table(found: Sequence[Overhead]) -> Table:
    """One row a framework, way and batch size."""
    drawn = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("framework", "way", "batch", "replicates", "speed ratio", f"within {100 * MARGIN:g} %"):
        drawn.add_column(heading)
    drawn.add_column("ratio by CPU time")
    drawn.add_column("loss gap")
    for one in found:
        cells = (one.framework, one.way, one.batch_size, one.wall.replicates, _told(one.wall), one.within)
        drawn.add_row(*map(str, cells), _told(one.cpu), f"{one.loss_gap:.1e}")
    return drawn


def _told(interval: Interval) -> str:
    bounds = "" if interval.low is None else f" [{interval.low:.4f}, {interval.high:.4f}]"
    return escape(f"{interval.estimate:.4f}{bounds}")


def run(options: Options, progress: Console) -> pd.DataFrame:
    """Measure, with a line on `progress` after each replicate; the rounds are on disk before the next."""
    rounds: list[Turns] = []
    frame = pd.DataFrame()
    with tempfile.TemporaryDirectory(prefix="evenmatch-overhead-") as scratch:
        for replicate in measure(options, Path(scratch)):
            rounds += replicate
            frame = pd.DataFrame([asdict(one) for one in rounds])
            if options.output is not None:
                frame.to_csv(options.output, index=False)
            last = replicate[-1]
            ratio = math.exp(log_ratio(frame[-len(replicate) :]))
            progress.print(
                f"{last.framework}, {last.way}, batch {last.batch_size}, "
                f"replicate {last.replicate + 1} of {options.settings.replicates}: {ratio:.4f}"
            )
    return frame


def main() -> None:
    errors = Console(stderr=True, highlight=False, markup=False)
    try:
        frame = run(parse(sys.argv[1:]), errors)
    except HarnessError as error:
        errors.print(f"harness_overhead: {error}")
        sys.exit(error.exit_code)
    out = Console(highlight=False, width=_TABLE_COLUMNS)
    out.print("harness over bare script, with its 95 % interval; below 1, the harness costs time")
    out.print(table(overheads(frame)))


if __name__ == "__main__":
    main()
