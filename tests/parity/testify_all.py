"""Testimony of one framework's real adapter and of each of its faulty ones, in one process.

`python -m tests.parity.testify_all FRAMEWORK DATA_ROOT FOLDER PRECISION` writes `FOLDER/<framework>.npz` and
one `<framework>, <fault>.npz` a fault.
"""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module
from pathlib import Path

from harness.parity.testimony import testify
from harness.work.listings import PYTORCH, TENSORFLOW
from harness.work.workload import Case, Dataset, Mode, Precision, TrialSpec, Workload
from harness.worker.adapters import adapter_module
from harness.worker.reading import read_data

FAULTY = {TENSORFLOW: "tests.parity.faulty_tensorflow", PYTORCH: "tests.parity.faulty_torch"}


def main(framework: str, data_root: str, folder: str, precision: str) -> None:
    read, timed = cache(read_data), Precision(precision)
    module = import_module(FAULTY[framework])
    narrow = getattr(module, "NARROW_FAULTS", {}).get(timed, {})
    faults = module.FAULTS if timed is Precision.FP32 else narrow
    spec = TrialSpec(
        framework=framework,
        case=Case(
            workload=Workload(dataset=Dataset.SYNTHETIC, train_samples=1000, epochs=2, precision=timed),
            device="cpu",
            mode=Mode.LOOP,
        ),
        threads=1,
        data_root=data_root,
    )
    testify(spec, adapter_module(framework).open_adapter, read).write(Path(folder) / f"{framework}.npz")
    for fault, faulty in faults.items():
        testify(spec, faulty, read).write(Path(folder) / f"{framework}, {fault}.npz")


if __name__ == "__main__":
    main(*sys.argv[1:])
