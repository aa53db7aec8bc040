"""Hold mode `article` against the listings it stands for: `python -m benchmarks.article --help`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Final

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks.article.fidelity import Fidelity, fidelities
from benchmarks.article.replicate import measure
from harness.analysis.intervals import Interval
from harness.data import cache, mnist
from harness.errors import HarnessError
from harness.report import words
from harness.settings import config
from harness.settings.presets import FRAMEWORKS
from harness.work.workload import Dataset

# A file or a pipe counts as 80 columns wide, which would fold the intervals.
_TABLE_COLUMNS: Final = 110


def run(arguments: Sequence[str], progress: Console) -> list[Fidelity]:
    """Measure seed by seed, each framework's in turn; both tables are on disk before the next.

    Raises:
        HarnessError: an option, the data set or a side that did not do its part.
    """
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.article",
        description="The article's listings, plain and in the harness's worker, in turns, on the CPU.",
    )
    parser.add_argument("--seeds", default="5", help="fresh processes a framework and program (default: 5)")
    parser.add_argument("--threads", default="auto", help="threads of each side; auto leaves one core free")
    parser.add_argument("--framework", action="append", choices=FRAMEWORKS, help="only this one")
    parser.add_argument("--output", type=Path, default=Path(), help="folder for epochs.csv and accuracy.csv")
    given = parser.parse_args(arguments)
    settings = config.resolve({"replicates": given.seeds, "threads": given.threads}, {}, Path())
    root = mnist.locate(Dataset.MNIST, data_dir=None, cache=cache.cache_folder()).root
    given.output.mkdir(parents=True, exist_ok=True)
    epochs, learned = pd.DataFrame(), pd.DataFrame()
    for seed, framework in product(range(settings.replicates), given.framework or FRAMEWORKS):
        with tempfile.TemporaryDirectory(prefix="evenmatch-article-") as scratch:
            taken, accuracy = measure(
                framework, seed, data_root=root, threads=settings.threads, scratch=Path(scratch)
            )
        epochs = pd.concat([epochs, pd.DataFrame([asdict(one) for one in taken])])
        learned = pd.concat([learned, pd.DataFrame([asdict(accuracy)])])
        epochs.to_csv(given.output / "epochs.csv", index=False)
        learned.to_csv(given.output / "accuracy.csv", index=False)
        progress.print(
            f"{framework}, seed {seed + 1} of {settings.replicates}: accuracy {accuracy.plain_accuracy:.4f} "
            f"as printed, {accuracy.harness_accuracy:.4f} in the harness"
        )
    return fidelities(epochs, learned)


def table(found: Sequence[Fidelity]) -> Table:
    """One row a listing."""
    drawn = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("listing", "samples/s", "harness over plain", "within 3 %", "accuracy, plain", "harness"):
        drawn.add_column(heading)
    for one in found:
        accuracies = (
            f"{words.share(mean)} ± {100 * sd:.2f}"
            for mean, sd in ((one.plain_accuracy, one.plain_sd), (one.harness_accuracy, one.harness_sd))
        )
        drawn.add_row(
            words.framework(one.framework),
            words.number(one.plain_samples_per_s),
            _told(one.speed),
            "yes" if one.faithful else "not shown",
            *accuracies,
        )
    return drawn


def _told(interval: Interval) -> str:
    bounds = "" if interval.low is None else f" [{interval.low:.3f}, {interval.high:.3f}]"
    return escape(f"{interval.estimate:.3f}{bounds}")


def main() -> None:
    errors = Console(stderr=True, highlight=False, markup=False)
    try:
        found = run(sys.argv[1:], errors)
    except HarnessError as error:
        errors.print(f"article: {error}")
        sys.exit(error.exit_code)
    Console(highlight=False, width=_TABLE_COLUMNS).print(table(found))


if __name__ == "__main__":
    main()
