"""How far below its bounds does an honest timed program stay as it learns? `python -m studies.timed_margins`

Trains one case for many epochs in each framework, in a process of its own, and asks the program again and
again what a timed trial is asked once. A finding that fails is a false alarm. Writes
`timed-margins-<mode>-b<batch>.csv`: one row a framework, epoch, check and quantity, with the largest share
of its bound that a difference took.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from subprocess import run
from typing import Any

import numpy as np
import pandas as pd

from harness.data import cache, mnist
from harness.engine.surroundings import environment
from harness.parity.judge import DURING, MADE, judge
from harness.parity.settings import ask_settings
from harness.parity.timed import evidence_of, prove_steps, prove_whole, trained
from harness.settings.presets import FRAMEWORKS
from harness.work import recipe
from harness.work.workload import Case, Dataset, Mode, TrialSpec, Workload
from harness.worker.adapters import adapter_module
from harness.worker.reading import read_data, read_samples

STEPS = 3


def ask_again_and_again(framework: str, options: argparse.Namespace) -> pd.DataFrame:
    """Shares of the bounds, one row a proof and quantity."""
    work = Workload(batch_size=options.batch, epochs=options.epochs, seed=options.seed)
    case = Case(workload=work, device="cpu", mode=options.mode)
    root = mnist.locate(Dataset.MNIST, data_dir=None, cache=cache.cache_folder()).root
    spec = TrialSpec(framework=framework, case=case, threads=1, data_root=str(root))
    witness = adapter_module(framework).open_adapter(spec)
    witness.load(read_data(spec))
    witness.build(recipe.initial_weights(work))
    witness.warm_up(recipe.batch_order(work, 0))
    samples, rng = read_samples(spec).train, np.random.default_rng(options.seed)
    rows: list[dict[str, Any]] = []
    for epoch in range(work.epochs):
        for part in np.array_split(recipe.batch_order(work, epoch), options.proofs):
            before = witness.keep()
            trained(witness, part)
            evidence = evidence_of(work)
            prove_whole(evidence, witness, before, part, rng)
            ask_settings(evidence, witness)
            prove_steps(evidence, witness, samples, STEPS, rng)
            for one in judge(evidence, checks=DURING | MADE):
                share = one.difference / one.bound if one.bound else 0.0
                rows.append(
                    {"framework": framework, "epoch": epoch + 1, "check": one.check}
                    | {"quantity": one.quantity, "share_of_bound": share, "alarm": not one.holds}
                )
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--framework", choices=FRAMEWORKS, help=argparse.SUPPRESS)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--mode", type=Mode, default=Mode.LOOP)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--proofs", type=int, default=10, help="proofs an epoch")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("docs/parity"))
    options = parser.parse_args()
    if options.framework:
        ask_again_and_again(options.framework, options).to_csv(options.out)
        return
    with tempfile.TemporaryDirectory(prefix="evenmatch-margins-") as scratch:
        parts = []
        for framework in FRAMEWORKS:
            path = Path(scratch) / f"{framework}.csv"
            given = ["--framework", framework, *sys.argv[1:], "--out", str(path)]
            surroundings = environment(
                framework=framework, device="cpu", threads=1, compile_cache=Path(scratch)
            )
            run([sys.executable, "-m", "studies.timed_margins", *given], check=True, env=surroundings)
            parts.append(pd.read_csv(path))
    found = pd.concat(parts).groupby(["framework", "epoch", "check", "quantity"], sort=False)
    table = found.agg(
        proofs=("alarm", "size"), false_alarms=("alarm", "sum"), share=("share_of_bound", "max")
    )
    options.out.mkdir(parents=True, exist_ok=True)
    name = f"timed-margins-{options.mode}-b{options.batch}.csv"
    table.rename(columns={"share": "largest_share_of_bound"}).to_csv(options.out / name, float_format="%.3g")


if __name__ == "__main__":
    main()
