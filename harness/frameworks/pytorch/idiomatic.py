"""What people type in PyTorch: torchvision's data set and transforms, a DataLoader, an `nn.Module` loop.

The input pipeline is on the clock here. Only the batch order is not left to chance: a sampler plays
the recipe's order where `shuffle=True` would draw its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader, Sampler
from torchvision import datasets, transforms

from harness.frameworks.base import Data
from harness.frameworks.pytorch.mlp import TorchMlp
from harness.work.recipe import Floats, Order
from harness.work.workload import PIXEL_MEAN, PIXEL_STD, Dataset

DATASETS: Final = {
    Dataset.MNIST: datasets.MNIST,
    Dataset.FASHION_MNIST: datasets.FashionMNIST,
    Dataset.SYNTHETIC: datasets.MNIST,  # written in MNIST's format and layout
}


_READ_ONE_BY_ONE: Final = 256


class RecipeOrder(Sampler[int]):
    """Plays the order that it is told, where a shuffling sampler would draw one."""

    def __init__(self) -> None:
        self.order: list[int] = []

    def __iter__(self) -> Iterator[int]:
        return iter(self.order)

    def __len__(self) -> int:
        return len(self.order)


class TorchIdiomatic(TorchMlp):
    """Mode `idiomatic`."""

    def load(self, data: Data) -> None:
        kind = DATASETS[self.workload.dataset]
        transform = transforms.Compose(
            [transforms.ToTensor(), transforms.Normalize((PIXEL_MEAN,), (PIXEL_STD,))]
        )
        self._sampler = RecipeOrder()
        self._train_loader = DataLoader(
            kind(data.root, train=True, transform=transform),
            batch_size=self.workload.batch_size,
            sampler=self._sampler,
            # A loader draws a number a pass for workers that it does not have: not from dropout's stream.
            generator=torch.Generator(),
        )
        self._test_loader = DataLoader(
            kind(data.root, train=False, transform=transform),
            batch_size=self.workload.eval_batch_size,
            generator=torch.Generator(),
        )

    def begin_epoch(self, order: Order) -> None:
        self._sampler.order = order.tolist()
        self._begin_counting()
        self._train_right = torch.zeros((), dtype=torch.int64, device=self.device)

    def train_epoch(self) -> None:
        criterion = nn.CrossEntropyLoss()
        self.model.train()
        for batch_inputs, batch_labels in self._train_loader:
            inputs, labels = batch_inputs.to(self.device), batch_labels.to(self.device)
            self.optimizer.zero_grad()
            logits = self._logits(inputs)
            loss = criterion(logits, labels)
            self.precision.backward(loss)
            self._update()
            self._loss_sum += loss.detach() * len(labels)
            self._samples += len(labels)
            # Keras computes the training accuracy that its listings ask for; so does this loop.
            self._train_right += (logits.argmax(1) == labels).sum()

    def held_data(self) -> Data:
        train_inputs, train_labels = _as_read(self._train_loader)
        test_inputs, test_labels = _as_read(self._test_loader)
        kept = self.workload.train_samples
        return Data(
            train_inputs=train_inputs[:kept],
            train_labels=train_labels[:kept],
            test_inputs=test_inputs,
            test_labels=test_labels,
            root=self.spec.data_root,
        )

    def held_batches(self) -> list[Order]:
        return [np.array(batch) for batch in self._train_loader.batch_sampler]

    def _test_set(self, steps: int) -> Iterator[tuple[Tensor, Tensor]]:
        for inputs, labels in islice(self._test_loader, steps):
            yield inputs.to(self.device), labels.to(self.device)

    def _network(self) -> nn.Sequential:
        return nn.Sequential(nn.Flatten(), *self._layers())


def _as_read(loader: DataLoader[tuple[Tensor, Tensor]]) -> tuple[Floats, NDArray[np.int64]]:
    """Inputs (n, 784) and labels (n,) as the loader's data set gives them, in seconds rather than minutes.

    The transform works pixel by pixel, so what it makes of each grey level tells what it makes of all
    images; the first images, read one by one, show that this is so.
    """
    held: Any = loader.dataset
    palette = np.resize(np.arange(256, dtype=np.uint8), (28, 28))
    levels = held.transform(palette).numpy().ravel()[:256]
    inputs = levels[held.data.numpy().reshape(len(held), -1)]
    labels = np.array([int(label) for label in held.targets], np.int64)
    for index in range(min(_READ_ONE_BY_ONE, len(held))):
        image, label = held[index]
        inputs[index], labels[index] = image.numpy().ravel(), label
    return inputs, labels
