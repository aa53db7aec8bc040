"""After warming up no shape has a first time left: no timed round traces, compiles or records."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from harness.frameworks.base import Adapter
from harness.frameworks.scripted import Script, Scripted
from harness.work.recipe import batches
from harness.work.workload import TEST_SAMPLES, Case, Dataset, Mode, TrialSpec, Workload
from harness.worker import beside
from harness.worker.watching import Watching

# A shape's first call compiles it; on a GPU its second records a CUDA graph, and only then it is replayed.
SETTLED_AFTER = {"cpu": 1, "cuda:0": 2}


class Counting(Scripted):
    """Counts how often each shape was run."""

    def __init__(self, spec):
        super().__init__(spec, Script(train_s=0, evaluate_s=0))
        self.ran = Counter()

    def begin_epoch(self, order):
        super().begin_epoch(order)
        self._batches = batches(order, self.workload.batch_size)

    def train_epoch(self):
        self.ran.update(("train", len(batch)) for batch in self._batches)

    def evaluate(self, steps):
        size = self.workload.eval_batch_size
        self.ran.update(("evaluate", min(size, TEST_SAMPLES - size * step)) for step in range(steps))

    def predict(self, number):
        self.ran["predict"] += 1


def warmed(device, **sizes):
    workload = Workload(dataset=Dataset.SYNTHETIC, train_samples=1000, **sizes)
    case = Case(workload=workload, device=device, mode=Mode.COMPILED)
    adapter = Counting(TrialSpec(framework="pytorch", case=case, threads=1, data_root=""))
    Adapter.warm_up(adapter, np.arange(1000))
    return adapter


@pytest.mark.parametrize("device", ["cpu", "cuda:0"])
@pytest.mark.parametrize(
    ("sizes", "shapes"),
    [
        (
            {"batch_size": 64, "eval_batch_size": 1000},
            {("train", 64), ("train", 40), ("evaluate", 1000)},
        ),
        (
            {"batch_size": 100, "eval_batch_size": 768},
            {("train", 100), ("evaluate", 768), ("evaluate", 16)},
        ),
    ],
)
def test_every_shape_of_an_epoch_and_its_evaluation_has_settled(device, sizes, shapes):
    adapter = warmed(device, **sizes)
    assert set(adapter.ran) == shapes
    warm = dict(adapter.ran)
    adapter.begin_epoch(np.arange(1000))
    adapter.train_epoch()
    adapter.evaluate(adapter.workload.eval_steps)
    assert set(adapter.ran) == set(warm)
    assert min(warm.values()) >= SETTLED_AFTER[device]


def test_on_a_gpu_a_shape_has_been_replayed_once_before_it_is_timed():
    assert min(warmed("cuda:0", batch_size=64).ran.values()) == 3


@pytest.mark.parametrize("device", ["cpu", "cuda:0"])
def test_predictions_are_settled_before_the_first_call_that_counts(device):
    adapter = warmed(device, batch_size=64)
    said = beside.predictions(adapter, Watching(adapter.spec, adapter), batch_size=1)
    assert adapter.ran["predict"] - said["calls"] >= SETTLED_AFTER[device]
