"""What a call that is timed for its latency gives, beside what evaluation gives for the same samples.

`python -m tests.frameworks.predictions FRAMEWORK DATA_ROOT` prints a JSON object of modes: the type of the
answer, and how far it is from the logits of the test set.
"""

from __future__ import annotations

import json
import sys

import numpy as np

from tests import small_test_set  # noqa: F401  # isort: skip  (before all others)
from harness.work import recipe
from harness.work.workload import Case, Dataset, Mode, TrialSpec, Workload
from harness.worker.adapters import adapter_module
from harness.worker.reading import read_data

WORK = Workload(dataset=Dataset.SYNTHETIC, batch_size=64, train_samples=200, epochs=1)


def main(framework: str, root: str) -> None:
    said = {}
    for mode in (Mode.LOOP, Mode.COMPILED, Mode.IDIOMATIC):
        case = Case(workload=WORK, device="cpu", mode=mode)
        spec = TrialSpec(framework=framework, case=case, threads=1, data_root=root)
        adapter = adapter_module(framework).open_adapter(spec)
        adapter.load(read_data(spec))
        adapter.build(recipe.initial_weights(WORK))
        adapter.begin_predictions(8)
        answer = adapter.predict(2)
        off = float(np.abs(np.asarray(answer) - adapter.logits()[16:24]).max())
        said[mode] = [type(answer).__name__, off]
    json.dump(said, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
