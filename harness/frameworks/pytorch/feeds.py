"""Where a program's batches come from in PyTorch: a `DataLoader` over single samples, or whole arrays."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from itertools import islice
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision import transforms

from harness.frameworks.base import Data
from harness.frameworks.pytorch.idiomatic import DATASETS, RecipeOrder
from harness.work.program import Partial, Program, Scaling
from harness.work.recipe import Order, batches
from harness.work.workload import PIXEL_MEAN, PIXEL_STD, Workload

Batches = Iterable[tuple[Tensor, Tensor]]

_TRANSFORMS: Final[dict[Scaling, list[Any]]] = {
    Scaling.RAW: [transforms.PILToTensor()],
    Scaling.UNIT: [transforms.ToTensor()],
    Scaling.NORMALISED: [transforms.ToTensor(), transforms.Normalize((PIXEL_MEAN,), (PIXEL_STD,))],
}


class Feed(ABC):
    """Batches of inputs (b, 1, 28, 28), scaled as the program says and raw ones as uint8, and labels (b,)."""

    @abstractmethod
    def begin_epoch(self, order: Order) -> None:
        """Say which samples `train` gives, and in which order."""

    @abstractmethod
    def train(self) -> Batches: ...

    @abstractmethod
    def test(self, steps: int) -> Batches:
        """The first `steps` batches of the test set."""


class LoaderFeed(Feed):
    """Reads and transforms sample by sample, as the listing types it."""

    def __init__(self, data: Data, workload: Workload, program: Program) -> None:
        kind = DATASETS[workload.dataset]
        transform = transforms.Compose(_TRANSFORMS[program.scaling])
        self._sampler = RecipeOrder()
        self._train: Batches = DataLoader(
            kind(data.root, train=True, transform=transform),
            batch_size=workload.batch_size,
            sampler=self._sampler,
            drop_last=program.partial is Partial.DROPPED,
        )
        self._test = DataLoader(
            kind(data.root, train=False, transform=transform), batch_size=workload.eval_batch_size
        )

    def begin_epoch(self, order: Order) -> None:
        self._sampler.order = order.tolist()

    def train(self) -> Batches:
        return self._train

    def test(self, steps: int) -> Batches:
        return islice(self._test, steps)


class ArrayFeed(Feed):
    """Cuts batches out of arrays that were scaled beforehand."""

    def __init__(self, data: Data, workload: Workload, program: Program, device: torch.device) -> None:
        def images(inputs: Any) -> Tensor:
            return torch.from_numpy(np.array(inputs)).reshape(-1, 1, 28, 28).to(device)

        self._device = device
        self._batch_size = workload.batch_size
        self._drop_last = program.partial is Partial.DROPPED
        self._inputs = images(data.train_inputs)
        self._labels = torch.from_numpy(data.train_labels).to(device)
        size = workload.eval_batch_size
        test_labels = torch.from_numpy(data.test_labels).to(device)
        self._test = list(zip(images(data.test_inputs).split(size), test_labels.split(size), strict=True))

    def begin_epoch(self, order: Order) -> None:
        kept = len(order) // self._batch_size * self._batch_size if self._drop_last else len(order)
        self._chosen = [
            torch.from_numpy(batch).to(self._device) for batch in batches(order[:kept], self._batch_size)
        ]

    def train(self) -> Batches:
        return ((self._inputs[chosen], self._labels[chosen]) for chosen in self._chosen)

    def test(self, steps: int) -> Batches:
        return self._test[:steps]
