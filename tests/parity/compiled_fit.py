"""Mode `idiomatic` in TensorFlow as on a GPU, where Keras has XLA compile what `fit` runs, proven on the CPU.

`python -m tests.parity.compiled_fit DATA_ROOT` prints how the step ran, the checks of its certificate and
those that failed; and the same of steps alone, of a layer whose masks `fit` does not use.
"""

from __future__ import annotations

import json
import sys
from functools import cache

import numpy as np

from tests import small_test_set  # noqa: F401  # isort: skip  (before all others)
from harness.frameworks.tensorflow.idiomatic import TensorFlowIdiomatic
from harness.parity.evidence import Evidence
from harness.parity.judge import DURING, judge
from harness.parity.reference import Samples
from harness.parity.settings import ask_settings
from harness.parity.testimony import Read, testify
from harness.parity.timed import evidence_of, prove_steps
from harness.work import recipe
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

    def next_masks(self, rows):
        return [np.roll(mask, 1, axis=1) for mask in super().next_masks(rows)]


def main(root: str) -> None:
    read, said = cache(read_data), {}
    case = Case(workload=WORK, device="cpu", mode=Mode.IDIOMATIC)
    spec = TrialSpec(framework="tensorflow", case=case, threads=1, data_root=root)
    for kind, findings in (
        (AsOnGpu, judge(testify(spec, AsOnGpu, read))),
        (OtherMasks, judge(stepped(spec, OtherMasks, read), checks=DURING)),
    ):
        said[kind.__name__] = {
            "execution": next(one.found for one in findings if "execution" in one.quantity),
            "checks": sorted({one.check for one in findings}),
            "failed": sorted({one.check for one in findings if not one.holds}),
        }
    json.dump(said, sys.stdout)


def stepped(spec: TrialSpec, kind: type[AsOnGpu], read: Read) -> Evidence:
    """What is asked of a timed trial at a moment that it cannot foresee."""
    data, evidence, witness = read(spec), evidence_of(WORK), kind(spec)
    witness.load(data)
    witness.build(recipe.initial_weights(WORK))
    samples = Samples(inputs=data.train_inputs.__getitem__, labels=data.train_labels)
    prove_steps(evidence, witness, samples, 2, np.random.default_rng(0))
    ask_settings(evidence, witness)
    return evidence


if __name__ == "__main__":
    main(sys.argv[1])
