"""A trial that is watched and the same one that is not: where each leads, as digests.

`python -m tests.worker.trajectories FRAMEWORK MODE DATA_ROOT` prints a JSON object a trial: whether it was
watched, how often the program was proven, and the digest of weights and moments after the last round.
"""

from __future__ import annotations

import json
import sys

from harness.work import recipe
from harness.work.workload import Case, Dataset, Mode, TrialSpec, Workload
from harness.worker.protocol import Do, dump_spec
from harness.worker.trial import Worker
from harness.worker.watching import Watching

WORK = Workload(dataset=Dataset.SYNTHETIC, batch_size=64, train_samples=1000, epochs=2)


def main(framework: str, mode: str, data_root: str) -> None:
    case = Case(workload=WORK, device="cpu", mode=Mode(mode))
    spec = TrialSpec(framework=framework, case=case, threads=1, data_root=data_root)
    prove = Watching._prove
    for watched in (True, False):
        proofs = []

        def noted(self, extent, watched=watched, proofs=proofs):
            if watched:
                proofs.append(1)
                prove(self, extent)

        Watching._prove = noted
        worker = Worker()
        worker.answer({"do": Do.START, "spec": dump_spec(spec)})
        for epoch in range(WORK.epochs):
            for first, last in ((0, 512), (512, 1000)):
                worker.answer({"do": Do.TRAIN, "epoch": epoch, "first": first, "last": last})
        adapter = worker.adapter
        moments = adapter.moments()
        arrays = [
            one
            for each in (adapter.weights(), moments.first, moments.second)
            for one in each.named().values()
        ]
        told = {
            "watched": watched,
            "proofs": len(proofs),
            "steps": moments.steps,
            "sha256": recipe.digest(*arrays),
        }
        print(json.dumps(told), flush=True)  # noqa: T201  (it is the answer)


if __name__ == "__main__":
    main(*sys.argv[1:])
