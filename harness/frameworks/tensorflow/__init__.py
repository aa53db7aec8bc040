"""TensorFlow: `adapter` picks the way, `mlp` is what all ways share."""
