"""PyTorch's adapter: the case's mode picks the way. Importing a way is the import that start-up times."""

from __future__ import annotations

from harness.frameworks.base import Adapter
from harness.frameworks.pytorch.device import probe
from harness.frameworks.pytorch.graph import TorchGraph
from harness.frameworks.pytorch.mlp import TorchMlp
from harness.work.workload import Mode, TrialSpec

__all__ = ["open_adapter", "probe"]


def open_adapter(spec: TrialSpec) -> Adapter:
    """The adapter for the spec's mode, or for one of several workers."""
    if spec.case.workers > 1:
        # Imported here: what it needs of PyTorch is no part of a start of one worker.
        from harness.frameworks.pytorch.distributed import TorchDistributed  # noqa: PLC0415

        return TorchDistributed(spec)
    if spec.case.mode is Mode.IDIOMATIC:
        from harness.frameworks.pytorch.idiomatic import TorchIdiomatic  # noqa: PLC0415  (needs torchvision)

        return TorchIdiomatic(spec)
    if spec.case.mode is Mode.ARTICLE:
        from harness.frameworks.pytorch.program import TorchProgram  # noqa: PLC0415  (needs torchvision)

        return TorchProgram(spec)
    if spec.case.mode is Mode.GRAPH:
        return TorchGraph(spec)
    return TorchMlp(spec)
