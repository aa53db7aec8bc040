"""Between the recipe's layout of parameters and Flax's, which keeps them by layer and kind."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.work.recipe import Weights

# Plain dictionaries: their leaves are found in C++, those of Flax's own `State` in Python, at each step.
Tree = dict[str, Any]

_KINDS = ("kernel", "bias")


def to_jax(weights: Weights, like: Tree) -> Tree:
    """The parameters in the places of those that the tree has."""
    turns = iter(weights.named().values())
    return {"layers": {place: dict(zip(_KINDS, turns, strict=False)) for place in sorted(like["layers"])}}


def to_recipe(tree: Tree) -> Weights:
    """Copies, from the parameters or anything that is kept a parameter, in the model's order."""
    layers: dict[int, dict[str, Any]] = tree["layers"]
    return Weights.of(np.array(layers[place][kind]) for place in sorted(layers) for kind in _KINDS)
