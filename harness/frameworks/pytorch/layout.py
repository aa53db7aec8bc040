"""Between the recipe's layout of parameters and PyTorch's: kernels are transposed, never reshaped."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from harness.work.recipe import Floats, Weights


def to_torch(weights: Weights) -> list[Floats]:
    """In the order and layout of `nn.Linear`, which keeps its kernel as (outputs, inputs)."""
    return [
        np.ascontiguousarray(weights.hidden_kernel.T),
        weights.hidden_bias,
        np.ascontiguousarray(weights.output_kernel.T),
        weights.output_bias,
    ]


def to_recipe(tensors: Sequence[Tensor]) -> Weights:
    """Copies, from the parameters or anything that is kept a parameter, in the model's order."""
    hidden_kernel, hidden_bias, output_kernel, output_bias = (
        tensor.detach().cpu().numpy().copy() for tensor in tensors
    )
    return Weights(
        hidden_kernel=np.ascontiguousarray(hidden_kernel.T),
        hidden_bias=hidden_bias,
        output_kernel=np.ascontiguousarray(output_kernel.T),
        output_bias=output_bias,
    )
