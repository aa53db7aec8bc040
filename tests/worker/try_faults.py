"""Trials of a faulty adapter, one after the other in one process: how each ended.

`python -m tests.worker.try_faults FRAMEWORK WAY[,WAY...] DATA_ROOT [FAULT ...]` prints a JSON object a way,
such as `loop` or `loop-fused`, and fault that its mode allows: both names, and the kind and the sentence of
its failure or nulls; a way's first is the adapter without a fault. Without names all faults are tried.
"""

from __future__ import annotations

import json
import os
import sys

from harness.work.listings import TENSORFLOW
from harness.work.program import Update
from harness.work.workload import Case, Dataset, Mode, TrialSpec, Workload
from harness.worker import beside
from harness.worker.protocol import Do, dump_spec
from harness.worker.trial import Worker
from tests.worker.late_faults import FAULTS, TORCH_ONLY

# A partial batch of 40; in two rounds an epoch.
WORK = Workload(dataset=Dataset.SYNTHETIC, batch_size=64, train_samples=1000, epochs=3)


def main(framework: str, ways: str, data_root: str, *named: str) -> None:
    # A few calls are as good as many here.
    beside._PREDICT_S = 0.1
    os.environ[f"EVENMATCH_ADAPTER_{framework.upper()}"] = "tests.worker.late_faults"
    for way in ways.split(","):
        name, _, update = way.partition("-")
        mode = Mode(name)
        case = Case(workload=WORK, device="cpu", mode=mode, update=Update(update or Update.STOCK))
        spec = TrialSpec(framework=framework, case=case, threads=1, data_root=data_root)
        for fault in ["", *(named or FAULTS)]:
            if fault and mode not in FAULTS[fault].modes:
                continue
            if framework == TENSORFLOW and fault in TORCH_ONLY:
                continue
            os.environ["EVENMATCH_FAULT"] = fault
            told = {"way": way, "fault": fault} | ended(spec)
            print(json.dumps(told), flush=True)  # noqa: T201  (it is the answer)


def ended(spec: TrialSpec) -> dict[str, str | None]:
    """How a whole trial with this adapter ended."""
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
