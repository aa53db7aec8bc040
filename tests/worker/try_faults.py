"""Trials of a faulty adapter, one after the other in one process: how each ended.

`python -m tests.worker.try_faults FRAMEWORK FOLDER WAY:FAULT ...` makes its data in the folder and prints a
JSON object for each: both names, and the kind and the sentence of its failure or nulls. A way is a mode or,
such as `loop-fused`, a mode and an Adam. `WAY:` is the adapter without a fault, `WAY` that and every fault
that the mode allows.
"""

from __future__ import annotations

import json
import os
import sys

from tests import small_test_set  # isort: skip  (before all others)
from harness.work.listings import PYTORCH
from harness.work.program import Update
from harness.work.workload import Case, Dataset, Mode, TrialSpec, Workload
from harness.worker import beside
from harness.worker.protocol import Do, dump_spec
from harness.worker.trial import Worker
from tests.worker.late_faults import FAULTS

# A partial batch of 40; in two rounds an epoch.
WORK = Workload(dataset=Dataset.SYNTHETIC, batch_size=64, train_samples=1000, epochs=3, eval_batch_size=100)


def main(framework: str, folder: str, *asked: str) -> None:
    small_test_set.write(folder)
    # A few calls are as good as many here.
    beside._PREDICT_S = 0.1
    os.environ[f"EVENMATCH_ADAPTER_{framework.upper()}"] = "tests.worker.late_faults"
    for named in asked:
        way, colon, fault = named.partition(":")
        mode, _, update = way.partition("-")
        case = Case(workload=WORK, device="cpu", mode=Mode(mode), update=Update(update or Update.STOCK))
        spec = TrialSpec(framework=framework, case=case, threads=1, data_root=folder)
        for one in [fault] if colon else ["", *allowed(framework, case.mode)]:
            os.environ["EVENMATCH_FAULT"] = one
            told = {"way": way, "fault": one} | ended(spec)
            print(json.dumps(told), flush=True)  # noqa: T201  (it is the answer)


def allowed(framework: str, mode: Mode) -> list[str]:
    """The faults that can be planted in this mode."""
    return [name for name, fault in FAULTS.items() if mode in fault.modes and framework in fault.frameworks]


def ended(spec: TrialSpec) -> dict[str, str | None]:
    """How a whole trial with this adapter ended."""
    if spec.framework == PYTORCH:
        import torch

        # After many compilations of one function PyTorch stops compiling it, and says so in a log.
        torch._dynamo.reset()
    worker = Worker()
    try:
        worker.answer({"do": Do.START, "spec": dump_spec(spec)})
        for epoch in range(WORK.epochs):
            for first, last in ((0, 512), (512, 1000)):
                worker.answer({"do": Do.TRAIN, "epoch": epoch, "first": first, "last": last})
            worker.answer({"do": Do.EVALUATE, "passes": 2})
        worker.answer({"do": Do.PREDICT, "batch_size": WORK.batch_size})
        worker.answer({"do": Do.FINISH})
    except Exception as error:  # noqa: BLE001  (whatever it raises is how it ended)
        failure = worker.failure(error)
        return {"kind": failure["kind"], "said": failure["error"]}
    return {"kind": None, "said": None}


if __name__ == "__main__":
    main(*sys.argv[1:])
