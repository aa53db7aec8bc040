"""What a training step moves at least, and what it works on, from the shapes of the work.

Every array that a step writes and reads is counted once for each, but for what only passes by: labels, masks,
the loss. A step that fuses more than frameworks do could move less; one that moves less than its arrays,
because they stay in registers, would be none of a network's.
"""

from __future__ import annotations

from typing import Final

from harness.work.workload import INPUT_FEATURES, Precision, Workload

# Weights, their gradients, and Adam's two moments; a layer's outputs, and their gradients.
_OF_PARAMETERS: Final = 4
_OF_OUTPUTS: Final = 2

# Read by the forward pass. Of the gradients a writing and a reading; of the weights and of each moment, by
# Adam, a reading and a writing.
_PASSES_OVER_PARAMETERS: Final = 1 + 2 + 2 * 3

# Written and read, they and their gradients.
_PASSES_OVER_OUTPUTS: Final = 2 * _OF_OUTPUTS

# Inputs, parameters and optimiser; activations are as wide where the format is not a mixed one.
_WIDTH_BYTES: Final = {Precision.FP64: 8}
_NARROW_BYTES: Final = dict.fromkeys((Precision.BF16, Precision.FP16), 2)
_USUAL_BYTES: Final = 4


def step_bytes(work: Workload) -> int:
    """Bytes that a training step on a full batch reads and writes at least.

    The batch's inputs are read, every layer's outputs written and read, and their gradients likewise. Kernels
    and biases are read forward; backward, of all layers but the first, the kernels are read. Adam reads the
    gradients, which have been written, and reads and writes the weights and both moments.
    """
    width_bytes, narrow_bytes = _widths(work)
    read_backward = sum(inputs * outputs for inputs, outputs in work.layers[1:])
    wide = work.batch_size * INPUT_FEATURES + _PASSES_OVER_PARAMETERS * work.parameter_count + read_backward
    return width_bytes * wide + narrow_bytes * _PASSES_OVER_OUTPUTS * _outputs(work)


def step_holds_bytes(work: Workload) -> int:
    """Bytes of the arrays that a training step on a full batch works on: what a cache has to hold."""
    width_bytes, narrow_bytes = _widths(work)
    wide = work.batch_size * INPUT_FEATURES + _OF_PARAMETERS * work.parameter_count
    return width_bytes * wide + narrow_bytes * _OF_OUTPUTS * _outputs(work)


def _outputs(work: Workload) -> int:
    """Numbers that the layers give on a full batch, all layers together."""
    return work.batch_size * sum(outputs for _, outputs in work.layers)


def _widths(work: Workload) -> tuple[int, int]:
    """Bytes of a weight, and of an activation."""
    width_bytes = _WIDTH_BYTES.get(work.precision, _USUAL_BYTES)
    return width_bytes, _NARROW_BYTES.get(work.precision, width_bytes)
