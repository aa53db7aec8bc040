"""Several workers in PyTorch: `DistributedDataParallel` around the model of mode `loop`, over gloo.

It averages the workers' gradients, as they come, in its own buckets. So each takes the sum of its share's
losses over the whole batch's size, times the number of workers: their mean is the gradient of the batch's
mean, also where the shares are not equally large.
"""

from __future__ import annotations

import os
import socket
from inspect import signature
from typing import Final

import torch
from torch import Tensor, distributed
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from harness.frameworks.pytorch.mlp import TorchMlp
from harness.frameworks.witness import Fact
from harness.work import recipe
from harness.work.recipe import Order, Weights
from harness.work.workload import TrialSpec

_BACKEND: Final = "gloo"

# By which interface gloo finds the others; unasked it goes by what the host's name stands for.
_INTERFACE: Final = "GLOO_SOCKET_IFNAME"


# Its name for this has changed from one version to the next.
_CHANGED: Final = "forward_sync_buffers" in signature(DistributedDataParallel).parameters
_OWN_BUFFERS: Final = {"forward_sync_buffers" if _CHANGED else "broadcast_buffers": False}


class TorchDistributed(TorchMlp):
    """Mode `loop` of one of several workers: the same steps, on its share of each batch."""

    def __init__(self, spec: TrialSpec) -> None:
        super().__init__(spec)
        self._workers = spec.case.workers
        _join(spec)

    def build(self, weights: Weights) -> None:
        super().build(weights)
        # A proof has masks for buffers, and each worker its own.
        self._together = DistributedDataParallel(self.model, **_OWN_BUFFERS)
        self._logits_together = self.precision.logits(self._together)

    def reset(self) -> None:
        super().reset()
        torch.manual_seed(recipe.seed_of(self.workload, self.spec.rank))

    def begin_epoch(self, order: Order) -> None:
        whole = recipe.batches(order, self.workload.batch_size)
        self._batches = [
            torch.from_numpy(recipe.share(batch, self.spec.rank, self._workers)).to(self.device)
            for batch in whole
        ]
        # What a worker's sum of losses is taken times, by the batch.
        self._of_batch = [self._workers / len(batch) for batch in whole]
        self._begin_counting()

    def train_epoch(self) -> None:
        self.model.train()
        for batch, share in zip(self._batches, self._of_batch, strict=True):
            self._step_together(batch, share)

    def _step_together(self, batch: Tensor, share: float) -> None:
        logits = self._logits_together(self._train_inputs[batch])
        loss = functional.cross_entropy(logits, self._train_labels[batch], reduction="sum")
        self.precision.backward(loss * share)
        self._update()
        self.optimizer.zero_grad(set_to_none=True)
        self._loss_sum += loss.detach()
        self._samples += len(batch)

    def train_loss(self) -> float:
        # Of a batch with fewer samples than workers some have none.
        return super().train_loss() if self._samples else 0.0

    def settings(self) -> dict[str, Fact]:
        return super().settings() | {"workers": distributed.get_world_size()}

    def effective(self) -> dict[str, str]:
        return super().effective() | {
            "workers": str(distributed.get_world_size()),
            "backend": str(distributed.get_backend()),
        }

    def _step_kind(self) -> str:
        return "eager (DistributedDataParallel)"


def _join(spec: TrialSpec) -> None:
    """Meet the other workers where the first one listens; once in a process."""
    if distributed.is_initialized():
        return
    os.environ.setdefault(_INTERFACE, _loopback())
    host, _, port = spec.addresses[0].rpartition(":")
    first = spec.rank == 0
    store = distributed.TCPStore(host, int(port), spec.case.workers, first)
    distributed.init_process_group(_BACKEND, store=store, rank=spec.rank, world_size=spec.case.workers)


def _loopback() -> str:
    """The interface by which a machine reaches itself."""
    return next(name for _, name in socket.if_nameindex() if name.startswith("lo"))
