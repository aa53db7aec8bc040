"""Between the recipe's layout of parameters and PyTorch's: kernels are transposed, never reshaped."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from harness.work.recipe import Floats, Weights


def to_torch(weights: Weights) -> list[Floats]:
    """In the order and layout of `nn.Linear`, which keeps its kernel as (outputs, inputs)."""
    return [array for layer in weights.layers for array in (np.ascontiguousarray(layer.kernel.T), layer.bias)]


def to_recipe(tensors: Sequence[Tensor]) -> Weights:
    """Copies, from the parameters or anything that is kept a parameter, in the model's order."""
    copies = (tensor.detach().cpu().numpy().copy() for tensor in tensors)
    # A bias is its own transpose.
    return Weights.of(np.ascontiguousarray(one.T) for one in copies)
