"""How far below its bounds does correct code stay? `python -m studies.parity_seeds`

Proves one case with many seeds, in one pair of workers, and holds every finding's difference against its
bound. A finding that fails is a false alarm. A few minutes on two cores. Writes
`margins-<mode>-b<batch>.csv`, after the mode the precision where it is not fp32 and at the end the hidden
layers where they are not the usual one: one row a framework, check and quantity.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pandas as pd

from harness.data import cache, mnist
from harness.engine.process import WorkerProcess
from harness.engine.surroundings import environment
from harness.parity import evidence
from harness.parity.certificate import Finding
from harness.parity.judge import judge
from harness.settings.presets import FRAMEWORKS
from harness.work.workload import (
    USUAL_HIDDEN,
    Case,
    Dataset,
    Mode,
    Precision,
    TrialSpec,
    Workload,
    shape,
    widths,
)
from harness.worker.protocol import Do, dump_spec

# Enough for a whole epoch with a partial batch at its end: what a seed changes does not need more.
TRAIN_SAMPLES = 6000
TIMEOUT_S = 600.0


def findings(options: argparse.Namespace, scratch: Path) -> Iterator[tuple[str, int, Finding]]:
    """Every finding of every framework's proof with every seed."""
    root = mnist.locate(options.dataset, data_dir=None, cache=cache.cache_folder()).root
    with ExitStack() as stack, ThreadPoolExecutor(len(FRAMEWORKS)) as pool:
        workers = {
            name: stack.enter_context(
                WorkerProcess(
                    environment(framework=name, device="cpu", threads=1, compile_cache=scratch),
                    scratch / f"{name}.log",
                )
            )
            for name in FRAMEWORKS
        }

        def testimony(framework: str, seed: int) -> evidence.Evidence:
            work = Workload(
                dataset=options.dataset,
                batch_size=options.batch,
                train_samples=max(TRAIN_SAMPLES, 7 * options.batch),
                epochs=2,
                precision=options.precision,
                hidden=options.hidden,
                seed=seed,
            )
            case = Case(workload=work, device="cpu", mode=options.mode)
            spec = TrialSpec(framework=framework, case=case, threads=1, data_root=str(root))
            path = scratch / f"{framework}.npz"
            workers[framework].ask(Do.PROVE, timeout_s=TIMEOUT_S, spec=dump_spec(spec), path=str(path))
            return evidence.read(path)

        for seed in range(options.first_seed, options.first_seed + options.seeds):
            for name, said in zip(
                FRAMEWORKS, pool.map(testimony, FRAMEWORKS, [seed] * len(FRAMEWORKS)), strict=True
            ):
                yield from ((name, seed, finding) for finding in judge(said))


def margins(found: Iterator[tuple[str, int, Finding]]) -> pd.DataFrame:
    """One row a framework, check and quantity: false alarms, and how often the largest difference fits."""
    rows: list[dict[str, Any]] = [
        {
            "framework": framework,
            "check": finding.check,
            "quantity": finding.quantity,
            "seed": seed,
            "difference": finding.difference,
            "bound": finding.bound,
            "alarm": not finding.holds,
        }
        for framework, seed, finding in found
    ]
    grouped = pd.DataFrame(rows).groupby(["framework", "check", "quantity"], sort=False)
    table = grouped.agg(
        seeds=("seed", "nunique"),
        false_alarms=("alarm", "sum"),
        median_difference=("difference", "median"),
        largest_difference=("difference", "max"),
        bound=("bound", "first"),
    )
    return table.assign(margin=table["bound"] / table["largest_difference"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--hidden", type=widths, default=USUAL_HIDDEN)
    parser.add_argument("--mode", type=Mode, default=Mode.LOOP)
    parser.add_argument("--precision", type=Precision, default=Precision.FP32)
    parser.add_argument("--dataset", type=Dataset, default=Dataset.MNIST)
    parser.add_argument("--out", type=Path, default=Path("docs/parity"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="evenmatch-seeds-") as scratch:
        table = margins(findings(options, Path(scratch)))
    options.out.mkdir(parents=True, exist_ok=True)
    format_name = "" if options.precision is Precision.FP32 else f"-{options.precision}"
    shape_name = "" if options.hidden == USUAL_HIDDEN else f"-h{shape(options.hidden)}"
    name = f"margins-{options.mode}{format_name}-b{options.batch}{shape_name}.csv"
    table.to_csv(options.out / name, float_format="%.3g")


if __name__ == "__main__":
    main()
