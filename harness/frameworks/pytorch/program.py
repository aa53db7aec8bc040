"""Any program in PyTorch, the article's listing among them: an `nn.Module` loop over a loader or arrays.

A sampler plays the recipe's order where `shuffle=True` would draw its own.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from harness.frameworks.base import Data, Pace
from harness.frameworks.pytorch.feeds import ArrayFeed, Feed, LoaderFeed
from harness.frameworks.pytorch.mlp import IMPLEMENTATIONS, TorchMlp
from harness.work.listings import ONLY, TENSORFLOW, program_of
from harness.work.program import Metrics, Output, Pipeline
from harness.work.recipe import Order, Weights
from harness.work.workload import TrialSpec


class TorchProgram(TorchMlp):
    """Mode `article`."""

    def __init__(self, spec: TrialSpec) -> None:
        super().__init__(spec)
        program = program_of(spec.case, spec.framework)
        assert program is not None, "mode article has a program"
        assert program.step not in ONLY[TENSORFLOW], "PyTorch has no such level"
        self._program = program

    def load(self, data: Data) -> None:
        self._feed: Feed = (
            LoaderFeed(data, self.workload, self._program)
            if self._program.pipeline is Pipeline.LOADER
            else ArrayFeed(data, self.workload, self._program, self.device)
        )

    def build(self, weights: Weights) -> None:
        super().build(weights)
        self._criterion = nn.CrossEntropyLoss()
        if self._program.output is Output.PROBABILITIES:
            self._body, self._softmax = self.model[:-1], self.model[-1]
            self._logits_of = self._beside_probabilities

    def begin_epoch(self, order: Order) -> None:
        self._feed.begin_epoch(order)
        self._begin_counting()
        self._train_right = torch.zeros((), dtype=torch.int64, device=self.device)

    def train_epoch(self) -> None:
        accuracy = self._program.metrics is Metrics.ACCURACY
        self.model.train()
        for batch_inputs, batch_labels in self._feed.train():
            inputs, labels = batch_inputs.to(self.device, self.dtype), batch_labels.to(self.device)
            self.optimizer.zero_grad()
            logits = self._logits_of(inputs)
            loss = self._criterion(logits, labels)
            loss.backward()
            self.optimizer.step()
            self._loss_sum += loss.detach() * len(labels)
            self._samples += len(labels)
            if accuracy:
                self._train_right += (logits.argmax(1) == labels).sum()

    def pace(self, order: Order) -> Pace:  # noqa: ARG002  (the contract names it)
        """Nothing: whole epochs are timed, whatever they take."""
        return Pace(train_sample_s=None, evaluate_s=None)

    def effective(self) -> dict[str, str]:
        return super().effective() | {"program": self._program.id}

    def _test_set(self, steps: int) -> Iterator[tuple[Tensor, Tensor]]:
        for inputs, labels in self._feed.test(steps):
            yield inputs.to(self.device, self.dtype), labels.to(self.device)

    def _beside_probabilities(self, inputs: Tensor) -> Tensor:
        """As Keras has it: probabilities are computed, the loss is taken of what goes into the softmax."""
        logits: Tensor = self._body(inputs)
        self._softmax(logits)
        return logits

    def _network(self) -> nn.Sequential:
        ends: dict[Output, list[nn.Module]] = {
            Output.PROBABILITIES: [nn.Softmax(dim=1)],
            Output.LOGITS: [],
            Output.LOG_PROBABILITIES: [nn.LogSoftmax(dim=1)],
        }
        return nn.Sequential(nn.Flatten(), *self._layers(), *ends[self._program.output])

    def _adam(self, **kernel: bool) -> torch.optim.Adam:
        return super()._adam(**kernel, **IMPLEMENTATIONS[self._program.update])
