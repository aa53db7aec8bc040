"""Arithmetic for proofs on PyTorch's side; timed trials run `nn.Dropout`. Adam is PyTorch's own in both."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from harness.work.recipe import Floats


class GivenMasks(nn.Module):
    """Dropout by masks (steps, rows, h) from outside, one a training step, already divided by the keep rate.

    Which one is next lies on the device, so that a compiled or captured step finds it by itself.
    """

    masks: Tensor
    step: Tensor

    def __init__(self, steps: int, rows: int, units: int) -> None:
        super().__init__()
        self.register_buffer("masks", torch.ones(steps, rows, units))
        self.register_buffer("step", torch.zeros(1, dtype=torch.int64))

    def forward(self, inputs: Tensor) -> Tensor:
        if not self.training:
            return inputs
        (mask,) = self.masks.index_select(0, self.step)
        self.step.copy_((self.step + 1) % len(self.masks))
        return inputs * mask[: len(inputs)].to(inputs.dtype)

    def put(self, masks: Floats) -> None:
        self.masks.copy_(torch.from_numpy(masks))
        self.step.zero_()
