"""One contender of some workers, trained in float64 by given masks: where it leads.

`python -m tests.worker.teams FRAMEWORK WORKERS DATA_ROOT PATH` writes losses, weights and moments to PATH and
prints JSON: the steps and samples that were counted.
"""

from __future__ import annotations

import json
import sys

import numpy as np

from harness.parity.timed import trained
from harness.work import recipe
from harness.work.workload import Case, Dataset, Mode, Precision, TrialSpec, Workload
from harness.worker.__main__ import leave
from harness.worker.reading import read_data
from harness.worker.trial import Worker

# Two workers have other shares of each batch, and of the last, of one sample, one has nothing.
WORK = Workload(
    dataset=Dataset.SYNTHETIC, precision=Precision.FP64, batch_size=65, train_samples=4 * 65 + 1, epochs=2
)


def main(framework: str, workers: str, data_root: str, path: str) -> None:
    case = Case(workload=WORK, device="cpu", mode=Mode.LOOP, workers=int(workers))
    spec = TrialSpec(framework=framework, case=case, threads=1, data_root=data_root, matched=True)
    witness = Worker()._open(spec)
    witness.load(read_data(spec))
    witness.build(recipe.initial_weights(WORK))
    witness.warm_up(recipe.batch_order(WORK, 0))
    rng, losses = np.random.default_rng(7), []
    for epoch in range(WORK.epochs):
        kept = rng.random((WORK.steps_per_epoch, WORK.batch_size, *WORK.hidden)) >= WORK.dropout_rate
        witness.put_masks([kept / (1 - WORK.dropout_rate)])
        losses.append(trained(witness, recipe.batch_order(WORK, epoch)))
    moments, counts = witness.moments(), witness.trained()
    found = {"losses": np.array(losses)}
    for kind, arrays in (
        ("weights", witness.weights()),
        ("first", moments.first),
        ("second", moments.second),
    ):
        found |= {f"{kind} {name}": array for name, array in arrays.named().items()}
    np.savez(path, **found)
    told = {"steps": counts.steps, "samples": counts.samples, "of all": moments.steps}
    print(json.dumps(told), flush=True)  # noqa: T201  (it is the answer)


if __name__ == "__main__":
    main(*sys.argv[1:])
    # As a worker does: threads that a broken team left would end an interpreter that takes itself down.
    leave(0)
