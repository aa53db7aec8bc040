"""PyTorch's adapter for several workers with faults in what they do together, by `EVENMATCH_FAULT`."""

from __future__ import annotations

import os

import torch

from harness.frameworks.pytorch import adapter
from harness.frameworks.pytorch.device import probe
from harness.frameworks.pytorch.distributed import TorchDistributed

__all__ = ["open_adapter", "probe"]


class Unexchanged(TorchDistributed):
    """Each worker steps by its own gradients."""

    def build(self, weights):
        super().build(weights)
        self._logits_together = self.precision.logits(self.model)


class Averaged(TorchDistributed):
    """Shares count alike, whatever their size."""

    def _step_together(self, batch, share):
        super()._step_together(batch, 1 / len(batch) if len(batch) else share)


class Alike(TorchDistributed):
    """All workers drop the same."""

    def reset(self):
        super().reset()
        torch.manual_seed(self.workload.seed)


class Failing(TorchDistributed):
    """The last worker fails in its first epoch."""

    def train_epoch(self):
        if self.spec.rank:
            raise RuntimeError("this worker has had enough")
        super().train_epoch()


FAULTS = {one.__name__.lower(): one for one in (Unexchanged, Averaged, Alike, Failing)}


def open_adapter(spec):
    fault = FAULTS.get(os.environ.get("EVENMATCH_FAULT", ""))
    return adapter.open_adapter(spec) if fault is None else fault(spec)
