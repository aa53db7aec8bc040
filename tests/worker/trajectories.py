"""A trial that is watched and the same one that is not: where each leads, as digests.

`python -m tests.worker.trajectories FRAMEWORK MODE[,MODE...] DATA_ROOT` prints a JSON object a trial: its
mode, whether it was watched, how often the program was proven, and the digest of weights and moments after
the last round.
"""

from __future__ import annotations

import json
import sys

from tests import small_test_set  # noqa: F401  # isort: skip  (before all others)
from harness.work import recipe
from harness.work.workload import Case, Dataset, Mode, TrialSpec, Workload
from harness.worker.protocol import Do, dump_spec
from harness.worker.trial import Worker

WORK = Workload(dataset=Dataset.SYNTHETIC, batch_size=64, train_samples=1000, epochs=2)


def main(framework: str, modes: str, data_root: str) -> None:
    for mode in modes.split(","):
        both_ways(framework, mode, data_root)


def both_ways(framework: str, mode: str, data_root: str) -> None:
    case = Case(workload=WORK, device="cpu", mode=Mode(mode))
    spec = TrialSpec(framework=framework, case=case, threads=1, data_root=data_root)
    for watched in (True, False):
        proofs: list[int] = []
        worker = Worker()
        worker.answer({"do": Do.START, "spec": dump_spec(spec)})
        watching = worker.watching
        prove = watching._proofs.now

        def noted(prove=prove, proofs=proofs):
            proofs.append(1)
            prove()

        watching._proofs.now = noted
        if not watched:
            watching._proofs = None
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
            "mode": mode,
            "watched": watched,
            "proofs": len(proofs),
            "steps": moments.steps,
            "sha256": recipe.digest(*arrays),
        }
        print(json.dumps(told), flush=True)  # noqa: T201  (it is the answer)


if __name__ == "__main__":
    main(*sys.argv[1:])
