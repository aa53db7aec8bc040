"""Between the recipe's layout of parameters and Keras's, which is the same."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from harness.work.recipe import Weights


def to_recipe(variables: Sequence[keras.Variable]) -> Weights:
    """Copies, from the parameters or anything that is kept a parameter, in the model's order."""
    hidden_kernel, hidden_bias, output_kernel, output_bias = (np.array(one.numpy()) for one in variables)
    return Weights(
        hidden_kernel=hidden_kernel,
        hidden_bias=hidden_bias,
        output_kernel=output_kernel,
        output_bias=output_bias,
    )
