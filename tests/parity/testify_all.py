"""What the judge finds in one framework's real adapter and in each of its faulty ones, in one process.

`python -m tests.parity.testify_all FRAMEWORK FOLDER [HIDDEN]` makes its data in the folder and prints a JSON
object for each: the precision of the case, the fault or null, and the findings, with every field of
`Finding`. With other hidden layers than the usual one there is fp32 alone, and the faults that only several
layers can have; all others are then planted in a narrower network, of two layers, whose proof takes less.
"""

from __future__ import annotations

import gc
import json
import sys
from dataclasses import asdict
from functools import cache
from importlib import import_module

from tests import small_test_set  # isort: skip  (before all others)
from harness.parity import testimony
from harness.parity.judge import judge
from harness.work.listings import PYTORCH, TENSORFLOW
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
from harness.worker.adapters import adapter_module
from harness.worker.reading import read_data

# Of about as many weights as the usual network.
TWO_LAYERS = (128, 128)

FAULTY = {TENSORFLOW: "tests.parity.faulty_tensorflow", PYTORCH: "tests.parity.faulty_torch"}


def main(framework: str, folder: str, hidden: str = shape(USUAL_HIDDEN)) -> None:
    small_test_set.write(folder)
    module, read = import_module(FAULTY[framework]), cache(read_data)
    narrow = getattr(module, "NARROW_FAULTS", {})
    exact, precisions = module.FAULTS, (Precision.FP32, Precision.FP16, Precision.BF16)
    narrower: set[str] = set()
    if widths(hidden) != USUAL_HIDDEN:
        narrower = set(exact)
        exact, precisions = exact | getattr(module, "DEEP_FAULTS", {}), (Precision.FP32,)
    rehearse_once(testimony)
    # What is imported by now is no rubbish: a collection looks through what follows alone.
    gc.freeze()
    for precision in precisions:
        faults = exact if precision is Precision.FP32 else narrow.get(precision, {})
        for fault, adapter in {None: adapter_module(framework).open_adapter, **faults}.items():
            spec = TrialSpec(
                framework=framework,
                case=Case(
                    workload=Workload(
                        dataset=Dataset.SYNTHETIC,
                        train_samples=500,
                        epochs=2,
                        precision=precision,
                        hidden=TWO_LAYERS if fault in narrower else widths(hidden),
                    ),
                    device="cpu",
                    mode=Mode.LOOP,
                ),
                threads=1,
                data_root=folder,
            )
            findings = judge(testimony.testify(spec, adapter, read))
            told = {"precision": precision, "fault": fault, "findings": list(map(asdict, findings))}
            print(json.dumps(told), flush=True)  # noqa: T201  (it is the answer)


def rehearse_once(module, rehearse=testimony.rehearse):
    """NumPy's part follows from the case alone, whatever is planted in a framework."""
    kept = {}

    def rehearsed(work, inputs, labels, roundoff):
        case = work, roundoff
        if case not in kept:
            kept[case] = rehearse(work, inputs, labels, roundoff)
        return kept[case]

    module.rehearse = rehearsed


if __name__ == "__main__":
    main(*sys.argv[1:])
