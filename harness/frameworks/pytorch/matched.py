"""Arithmetic for proofs on PyTorch's side; timed trials run `nn.Dropout`. Adam is PyTorch's own in both."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class GivenMask(nn.Module):
    """Dropout by a mask (rows, h) from outside, already divided by the keep rate."""

    mask: Tensor

    def __init__(self, rows: int, units: int) -> None:
        super().__init__()
        self.register_buffer("mask", torch.ones(rows, units))

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs * self.mask[: len(inputs)].to(inputs.dtype) if self.training else inputs
