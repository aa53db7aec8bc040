"""A training step captured as a CUDA graph and replayed batch after batch, fed from buffers that stay put.

As in PyTorch's "CUDA semantics", whole-network capture. The epoch's order lies on the device and the step
finds its place in it by itself, so that an epoch is nothing but replays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch

from harness.frameworks.base import Counts
from harness.frameworks.pytorch.mlp import TorchMlp
from harness.work.program import Update
from harness.work.recipe import Order, Weights, batches

# Steps before a capture, in which libraries and the optimiser set themselves up; PyTorch's notes take three.
_WARM_UP_STEPS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """A CUDA graph, and the step that it was captured from.

    A graph reads what lay outside the capture by its address alone and keeps nothing alive. The step does:
    without it the allocator gives its memory to others, and replays read what came there since.
    """

    graph: torch.cuda.CUDAGraph
    step: Callable[[], None]


class TorchGraph(TorchMlp):
    """Mode `graph`. Evaluation and predictions are those of mode `loop`."""

    def build(self, weights: Weights) -> None:
        super().build(weights)
        # With room for all of an epoch that is done twice, as planted work is.
        samples = 2 * self.workload.train_samples
        self._order = torch.zeros(samples, dtype=torch.int64, device=self.device)
        self._position = torch.zeros((), dtype=torch.int64, device=self.device)
        self._sizes: list[int] = []
        self._captures: dict[int, Captured] = {}

    def warm_up(self, order: Order) -> None:
        """Capture the step for either batch size, then as every mode."""
        batch_size, samples = self.workload.batch_size, self.workload.train_samples
        self.begin_epoch(order)
        self.model.train()
        for size in filter(None, (batch_size, samples % batch_size)):
            self._captures[size] = self._captured(size)
        super().warm_up(order)

    def begin_epoch(self, order: Order) -> None:
        self._sizes = [len(batch) for batch in batches(order, self.workload.batch_size)]
        self._order[: len(order)].copy_(torch.from_numpy(order))
        self._begin_counting()

    def train_epoch(self) -> None:
        # On the clock, one kernel an epoch: an epoch may be run again as it was made ready.
        self._position.zero_()
        for size in self._sizes:
            self._captures[size].graph.replay()

    def train_loss(self) -> float:
        return float(self._loss_sum.item()) / self.trained().samples

    def trained(self) -> Counts:
        return Counts(steps=self._steps_taken() - self._steps_before, samples=int(self._position.item()))

    def held_batches(self) -> list[Order]:
        held: Order = self._order[: sum(self._sizes)].cpu().numpy()
        return batches(held, self.workload.batch_size)

    def _step_at_position(self, size: int) -> Callable[[], None]:
        """One step on the next `size` samples of the order, which it passes; it never asks the host."""
        places = torch.arange(size, device=self.device)

        def step() -> None:
            self._step(self._order[self._position + places])
            self._position.add_(size)

        return step

    def _captured(self, size: int) -> Captured:
        """The step for batches of this size; what its rehearsals changed, `reset` puts back."""
        step = self._step_at_position(size)
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(_WARM_UP_STEPS):
                self._position.zero_()
                step()
        torch.cuda.current_stream().wait_stream(aside)
        self._position.zero_()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            step()
        return Captured(graph=graph, step=step)

    def promised_update(self) -> Update:
        return Update.FUSED

    def _adam(self, **kernel: bool) -> torch.optim.Adam:
        """Counts its steps on the device; fused, so that a scaled loss asks the host nothing."""
        return super()._adam(**kernel, capturable=True, fused=True)

    def _step_kind(self) -> str:
        return "CUDA graph"
