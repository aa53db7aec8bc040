"""Mode `idiomatic` in TensorFlow as on a GPU, where Keras has XLA compile what `fit` runs, proven on the CPU.

`python -m tests.parity.compiled_fit DATA_ROOT` prints how the step ran, the checks of its certificate and
those that failed; and again with a layer whose masks `fit` does not use.
"""

from __future__ import annotations

import json
import sys
from functools import cache

import numpy as np

from harness.frameworks.tensorflow.idiomatic import TensorFlowIdiomatic
from harness.parity.judge import judge
from harness.parity.testimony import testify
from harness.work.workload import Case, Dataset, Mode, TrialSpec, Workload
from harness.worker.reading import read_data

WORK = Workload(dataset=Dataset.SYNTHETIC, batch_size=128, train_samples=1000, epochs=2)


class AsOnGpu(TensorFlowIdiomatic):
    def build(self, weights):
        super().build(weights)
        self.model.jit_compile = True

    def promised_execution(self):
        return "compiled"


class OtherMasks(AsOnGpu):
    """What the layer says beforehand is not what is dropped by `fit`."""

    def next_mask(self, rows):
        return np.roll(super().next_mask(rows), 1, axis=1)


def main(root: str) -> None:
    read, said = cache(read_data), {}
    case = Case(workload=WORK, device="cpu", mode=Mode.IDIOMATIC)
    spec = TrialSpec(framework="tensorflow", case=case, threads=1, data_root=root)
    for kind in (AsOnGpu, OtherMasks):
        findings = judge(testify(spec, kind, read))
        said[kind.__name__] = {
            "execution": next(one.found for one in findings if "execution" in one.quantity),
            "checks": sorted({one.check for one in findings}),
            "failed": sorted({one.check for one in findings if not one.holds}),
        }
    json.dump(said, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
