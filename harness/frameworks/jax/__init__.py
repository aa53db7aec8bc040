"""JAX, its layers Flax's and its Adam Optax's: `adapter` picks the way, `mlp` is what all ways share."""
