"""Does it matter where Adam keeps its epsilon? `python -m studies.epsilon_place`

Trains TensorFlow's side with Keras's own Adam and with the one that proofs use, whose epsilon is in
PyTorch's place; all else, dropout's draws included, is the same. Sets what that changes beside what another
seed changes. Some minutes on one core. Writes `epsilon-place.csv`, one row an epoch, and its summary.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import keras
import pandas as pd

from harness.data import cache, mnist
from harness.frameworks.tensorflow.matched import MatchedAdam
from harness.frameworks.tensorflow.mlp import TensorFlowMlp
from harness.work import recipe
from harness.work.listings import TENSORFLOW
from harness.work.workload import Case, Dataset, Mode, TrialSpec, Workload
from harness.worker.reading import read_data

MEASURES = ("train_loss", "test_loss", "accuracy")


class EpsilonInPytorchsPlace(TensorFlowMlp):
    """The timed adapter, native dropout included, but for the place of epsilon."""

    def _adam(self) -> keras.optimizers.Optimizer:
        adam = self.workload.adam
        return MatchedAdam(adam.learning_rate, adam.beta_1, adam.beta_2, adam.epsilon)


def epochs(options: argparse.Namespace, seed: int, kind: type[TensorFlowMlp]) -> Iterator[dict[str, object]]:
    root = mnist.locate(options.dataset, data_dir=None, cache=cache.cache_folder()).root
    work = Workload(dataset=options.dataset, batch_size=options.batch, epochs=options.epochs, seed=seed)
    case = Case(workload=work, device="cpu", mode=Mode.LOOP)
    spec = TrialSpec(framework=TENSORFLOW, case=case, threads=1, data_root=str(root))
    adapter = kind(spec)
    adapter.load(read_data(spec))
    adapter.build(recipe.initial_weights(work))
    for epoch in range(work.epochs):
        adapter.begin_epoch(recipe.batch_order(work, epoch))
        adapter.train_epoch()
        adapter.evaluate(work.eval_steps)
        score = adapter.score()
        yield {
            "seed": seed,
            "epsilon": "keras" if kind is TensorFlowMlp else "pytorch",
            "epoch": epoch + 1,
            "train_loss": adapter.train_loss(),
            "test_loss": score.loss,
            "accuracy": score.accuracy,
        }


def compared(table: pd.DataFrame) -> pd.DataFrame:
    """After the last epoch: mean and standard deviation of the change, and the spread between seeds."""
    last = table[table["epoch"] == table["epoch"].max()]
    sides = last.pivot_table(index="seed", columns="epsilon", values=list(MEASURES))
    rows = []
    for measure in MEASURES:
        change = sides[measure]["keras"] - sides[measure]["pytorch"]
        rows.append(
            {
                "measure": measure,
                "mean_change": change.mean(),
                "largest_change": change.abs().max(),
                "change_error": change.std() / len(change) ** 0.5,
                "spread_between_seeds": sides[measure]["keras"].std(),
            }
        )
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--dataset", type=Dataset, default=Dataset.MNIST)
    parser.add_argument("--out", type=Path, default=Path("docs/parity"))
    options = parser.parse_args()
    rows = [
        row
        for seed in range(options.seeds)
        for kind in (TensorFlowMlp, EpsilonInPytorchsPlace)
        for row in epochs(options, seed, kind)
    ]
    table = pd.DataFrame(rows)
    options.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(options.out / "epsilon-place.csv", index=False, float_format="%.6g")
    compared(table).to_csv(options.out / "epsilon-place-summary.csv", index=False, float_format="%.3g")


if __name__ == "__main__":
    main()
