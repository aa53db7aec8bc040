"""What a captured step reads from outside its capture, and whether that is still there to be read.

`python -m tests.frameworks.capture_inputs` captures mode `graph`'s step on the CPU: where CUDA would record
kernels, the storages are noted that the operations read and did not make. It prints as JSON, for the adapter
and for one that keeps the graphs alone, as it once did: for each batch size how many such storages there
were, and how many are gone once the adapter is ready. PyTorch's own `check_input_liveness` says the same, on
a GPU only.
"""

from __future__ import annotations

import gc
import json
import sys
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from harness.frameworks.base import Data
from harness.frameworks.pytorch.graph import Captured, TorchGraph
from harness.frameworks.pytorch.mlp import TorchMlp
from harness.work import recipe
from harness.work.workload import Case, Dataset, Mode, TrialSpec, Workload

WORK = Workload(dataset=Dataset.SYNTHETIC, batch_size=64, train_samples=200, epochs=1)


class Recording(TorchDispatchMode):
    """In the place of `torch.cuda.graph`."""

    def __init__(self, graph):
        super().__init__()
        self._graph = graph
        self._made = set()
        graph.read = {}

    def __torch_dispatch__(self, operation, types, arguments=(), named=None):
        for storage in _storages((arguments, named)):
            if storage.data_ptr() not in self._made:
                self._graph.read.setdefault(storage.data_ptr(), StorageWeakRef(storage))
        done = operation(*arguments, **(named or {}))
        self._made |= {storage.data_ptr() for storage in _storages(done)} - set(self._graph.read)
        return done


def _storages(values):
    return [one.untyped_storage() for one in tree_leaves(values) if isinstance(one, torch.Tensor)]


class OnCpu(TorchGraph):
    """Captured for real; only the optimiser is the CPU's."""

    def _adam(self, **kernel):
        return TorchMlp._adam(self)

    def train_epoch(self):
        """Nothing is replayed: nothing was recorded."""


class Forgetful(OnCpu):
    def _captured(self, size):
        return Captured(graph=super()._captured(size).graph, step=None)


def found(kind: type[TorchGraph]) -> dict[int, list[int]]:
    case = Case(workload=WORK, device="cpu", mode=Mode.GRAPH)
    adapter = kind(TrialSpec(framework="pytorch", case=case, threads=1, data_root=""))
    rng = np.random.default_rng(0)
    inputs, labels = rng.random((1000, 784), "float32"), rng.integers(0, 10, 1000)
    adapter.load(
        Data(
            train_inputs=inputs[:200],
            train_labels=labels[:200],
            test_inputs=inputs,
            test_labels=labels,
            root="",
        )
    )
    adapter.build(recipe.initial_weights(WORK))
    adapter.warm_up(recipe.batch_order(WORK, 0))
    gc.collect()
    return {
        size: [len(one.graph.read), sum(storage.expired() for storage in one.graph.read.values())]
        for size, one in adapter._captures.items()
    }


def main() -> None:
    stream = SimpleNamespace(wait_stream=lambda other: None)
    torch.cuda.Stream = torch.cuda.current_stream = lambda: stream
    torch.cuda.stream = lambda one: nullcontext()
    torch.cuda.CUDAGraph = SimpleNamespace
    torch.cuda.graph = Recording
    json.dump({kind.__name__: found(kind) for kind in (OnCpu, Forgetful)}, sys.stdout)


if __name__ == "__main__":
    main()
