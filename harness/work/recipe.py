"""Initial weights and batch order, drawn once with NumPy: the one source for both frameworks.

Every number comes from `numpy.random.Generator(PCG64)` seeded through `SeedSequence`, with one
independent stream a purpose, so adding an epoch never changes the weights.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from harness.work.program import Initial, Scaling
from harness.work.workload import PIXEL_MEAN, PIXEL_STD, Precision, Workload

_WEIGHTS_STREAM: Final = 0
_ORDER_STREAM: Final = 1
_DROPOUT_STREAM: Final = 5
_WORKER_STREAM: Final = 6

Floats = NDArray[np.floating[Any]]
Inputs = Floats | NDArray[np.uint8]
FloatType = np.dtype[np.floating[Any]]
Order = NDArray[np.int64]

_DTYPES: Final[dict[Precision, FloatType]] = {
    # The narrower formats are conversions inside the step; weights and inputs stay in float32.
    **dict.fromkeys((Precision.FP32, Precision.TF32, Precision.BF16, Precision.FP16), np.dtype(np.float32)),
    Precision.FP64: np.dtype(np.float64),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A layer's parameters, or what there is one of for each: kernel (inputs, outputs), bias (outputs,)."""

    kernel: Floats
    bias: Floats


@dataclass(frozen=True, slots=True)
class Weights:
    """Parameters by layer, from the inputs to the outputs.

    Kernels are laid out (inputs, outputs); an adapter transposes them where need be.
    """

    layers: tuple[Layer, ...]

    @classmethod
    def of(cls, arrays: Iterable[Floats]) -> Weights:
        """From kernels and biases by turns, layer by layer: the order of `named`."""
        turns = iter(arrays)
        return cls(tuple(Layer(kernel=kernel, bias=bias) for kernel, bias in zip(turns, turns, strict=True)))

    def named(self) -> dict[str, Floats]:
        """Every array by its name, in the order in which every list of parameters is."""
        arrays = [array for layer in self.layers for array in (layer.kernel, layer.bias)]
        return dict(zip(parameters(len(self.layers) - 1), arrays, strict=True))


def parameters(hidden_layers: int) -> list[str]:
    """`hidden_kernel`, `hidden_bias`, `output_kernel`, `output_bias`; several hidden layers are numbered."""
    numbers = range(1, hidden_layers + 1)
    hidden = ["hidden"] if hidden_layers == 1 else [f"hidden_{number}" for number in numbers]
    return [f"{layer}_{kind}" for layer in (*hidden, "output") for kind in ("kernel", "bias")]


def dtype_of(precision: Precision) -> FloatType:
    """NumPy type in which weights and inputs of this precision are handed to a framework."""
    return _DTYPES[precision]


def initial_weights(workload: Workload, initial: Initial = Initial.GLOROT) -> Weights:
    """First weights in the workload's type, from one of the usual distributions.

    `GLOROT`: uniform kernels (Glorot & Bengio 2010, eq. 16) and zero biases. `FAN_IN`: kernels and biases
    uniform in ±1/√inputs.
    """
    rng = _stream(workload.seed, _WEIGHTS_STREAM)
    dtype = dtype_of(workload.precision)

    def uniform(limit: float, *shape: int) -> Floats:
        # Drawn in float64 and rounded: one seed gives the same weights in every precision.
        return rng.uniform(-limit, limit, size=shape).astype(dtype)

    def kernel(inputs: int, outputs: int) -> Floats:
        glorot = initial is Initial.GLOROT
        return uniform(np.sqrt(6.0 / (inputs + outputs)) if glorot else inputs**-0.5, inputs, outputs)

    def bias(inputs: int, outputs: int) -> Floats:
        return np.zeros(outputs, dtype) if initial is Initial.GLOROT else uniform(inputs**-0.5, outputs)

    return Weights(
        tuple(
            Layer(kernel=kernel(inputs, outputs), bias=bias(inputs, outputs))
            for inputs, outputs in workload.layers
        )
    )


def dropout_seeds(workload: Workload) -> tuple[int, ...]:
    """One for each hidden layer, where dropout draws by layer: the first is the workload's own.

    Two layers with one seed would drop the same units.
    """
    others = (
        int(_stream(workload.seed, _DROPOUT_STREAM, layer).integers(2**32))
        for layer in range(1, len(workload.hidden))
    )
    return (workload.seed, *others)


def seed_of(workload: Workload, rank: int) -> int:
    """What a worker of this rank draws its dropout from: the first one's is the workload's own.

    Two workers with one seed would drop the same units of their shares.
    """
    return workload.seed if rank == 0 else int(_stream(workload.seed, _WORKER_STREAM, rank).integers(2**32))


def batch_order(workload: Workload, epoch: int) -> Order:
    """Order in which epoch `epoch` (counted from 0) visits the training samples: a permutation (n,)."""
    return _stream(workload.seed, _ORDER_STREAM, epoch).permutation(workload.train_samples).astype(np.int64)


def batches(order: Order, batch_size: int) -> list[Order]:
    """The order cut into batches; the last one may be partial and is kept."""
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


def share(batch: Order, rank: int, workers: int) -> Order:
    """A worker's part of a batch: those of all follow each other, and are as large as each other but for one.

    Of a batch that has fewer samples than there are workers some get none.
    """
    return batch[share_of(len(batch), rank, workers)]


def share_of(rows: int, rank: int, workers: int) -> slice:
    """Which of so many rows are a worker's."""
    return slice(rows * rank // workers, rows * (rank + 1) // workers)


def normalised(pixels: NDArray[np.uint8], precision: Precision) -> Floats:
    """Pixels (n, 28, 28) scaled to [0, 1], then shifted and scaled by MNIST's mean and spread: (n, 784).

    Divided, not multiplied by a reciprocal: the two differ in the last bit for half of all values, and
    dividing is the usual.
    """
    dtype = dtype_of(precision)
    scaled: Floats = pixels.reshape(len(pixels), -1).astype(dtype)
    scaled /= dtype.type(255)
    scaled -= dtype.type(PIXEL_MEAN)
    scaled /= dtype.type(PIXEL_STD)
    return scaled


def scaled(pixels: NDArray[np.uint8], scaling: Scaling, precision: Precision) -> Inputs:
    """Pixels (n, 28, 28) as a program has them before its first layer: (n, 784), raw ones as they are."""
    if scaling is Scaling.NORMALISED:
        return normalised(pixels, precision)
    flat = pixels.reshape(len(pixels), -1)
    if scaling is Scaling.RAW:
        return flat
    dtype = dtype_of(precision)
    return np.divide(flat, dtype.type(255), dtype=dtype)


def digest(*arrays: NDArray[np.generic]) -> str:
    """SHA-256 over shapes, types and bytes of the arrays, in their order."""
    sha = hashlib.sha256()
    for array in arrays:
        sha.update(f"{array.shape}{array.dtype.str}".encode())
        sha.update(np.ascontiguousarray(array).data)
    return sha.hexdigest()


def combined(digests: Sequence[str]) -> str:
    """One SHA-256 for a sequence of them, such as the batch orders of all epochs."""
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def _stream(seed: int, *purpose: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *purpose])))
