"""Between the recipe's layout of parameters and Keras's, which is the same."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from harness.work.recipe import Weights


def to_recipe(variables: Sequence[keras.Variable]) -> Weights:
    """Copies, from the parameters or anything that is kept a parameter, in the model's order."""
    return Weights.of(np.array(one.numpy()) for one in variables)
