"""What people type in PyTorch: torchvision's data set and transforms, a DataLoader, an `nn.Module` loop.

The input pipeline is on the clock here. Only the batch order is not left to chance: a sampler plays
the recipe's order where `shuffle=True` would draw its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Sampler
from torchvision import datasets, transforms

from harness.frameworks.base import Data
from harness.frameworks.torch_mlp import TorchMlp
from harness.recipe import Order
from harness.workload import CLASSES, INPUT_FEATURES, PIXEL_MEAN, PIXEL_STD, Dataset

_CLASSES = {
    Dataset.MNIST: datasets.MNIST,
    Dataset.FASHION_MNIST: datasets.FashionMNIST,
    Dataset.SYNTHETIC: datasets.MNIST,  # written in MNIST's format and layout
}


class _RecipeOrder(Sampler[int]):
    def __init__(self) -> None:
        self.order: list[int] = []

    def __iter__(self) -> Iterator[int]:
        return iter(self.order)

    def __len__(self) -> int:
        return len(self.order)


class TorchIdiomatic(TorchMlp):
    """Mode `idiomatic`."""

    def load(self, data: Data) -> None:
        kind = _CLASSES[self.workload.dataset]
        transform = transforms.Compose(
            [transforms.ToTensor(), transforms.Normalize((PIXEL_MEAN,), (PIXEL_STD,))]
        )
        self._sampler = _RecipeOrder()
        self._train_loader = DataLoader(
            kind(data.root, train=True, transform=transform),
            batch_size=self.workload.batch_size,
            sampler=self._sampler,
        )
        self._test_loader = DataLoader(
            kind(data.root, train=False, transform=transform),
            batch_size=self.workload.eval_batch_size,
        )

    def begin_epoch(self, order: Order) -> None:
        self._sampler.order = order.tolist()
        self._samples = len(order)
        self._loss_sum.zero_()
        self._train_right = torch.zeros((), dtype=torch.int64, device=self.device)

    def train_epoch(self) -> None:
        criterion = nn.CrossEntropyLoss()
        self.model.train()
        for batch_inputs, batch_labels in self._train_loader:
            inputs, labels = batch_inputs.to(self.device), batch_labels.to(self.device)
            self.optimizer.zero_grad()
            logits = self.model(inputs)
            loss = criterion(logits, labels)
            loss.backward()
            self.optimizer.step()
            self._loss_sum += loss.detach() * len(labels)
            # Keras computes the training accuracy that its listings ask for; so does this loop.
            self._train_right += (logits.argmax(1) == labels).sum()

    def _test_set(self, steps: int) -> Iterator[tuple[Tensor, Tensor]]:
        for inputs, labels in islice(self._test_loader, steps):
            yield inputs.to(self.device), labels.to(self.device)

    def _network(self) -> nn.Module:
        work = self.workload
        return nn.Sequential(
            nn.Flatten(),
            nn.Linear(INPUT_FEATURES, work.hidden_units),
            nn.ReLU(),
            nn.Dropout(work.dropout_rate),
            nn.Linear(work.hidden_units, CLASSES),
        )
