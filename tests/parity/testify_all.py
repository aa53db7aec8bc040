"""Testimony of one framework's real adapter and of each of its faulty ones, in one process.

`python -m tests.parity.testify_all FRAMEWORK DATA_ROOT FOLDER` writes `FOLDER/<framework>.npz` and one
`<framework>, <fault>.npz` a fault.
"""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module
from pathlib import Path

from harness.engine.worker import adapter_module, read_data
from harness.parity.testimony import testify
from harness.workload import PYTORCH, TENSORFLOW, Case, Dataset, Mode, TrialSpec, Workload

FAULTY = {TENSORFLOW: "tests.parity.faulty_tensorflow", PYTORCH: "tests.parity.faulty_torch"}


def main(framework: str, data_root: str, folder: str) -> None:
    read = cache(read_data)
    spec = TrialSpec(
        framework=framework,
        case=Case(
            workload=Workload(dataset=Dataset.SYNTHETIC, train_samples=1000, epochs=2),
            device="cpu",
            mode=Mode.LOOP,
        ),
        threads=1,
        data_root=data_root,
    )
    testify(spec, adapter_module(framework).open_adapter, read).write(Path(folder) / f"{framework}.npz")
    for fault, faulty in import_module(FAULTY[framework]).FAULTS.items():
        testify(spec, faulty, read).write(Path(folder) / f"{framework}, {fault}.npz")


if __name__ == "__main__":
    main(*sys.argv[1:])
