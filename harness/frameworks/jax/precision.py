"""JAX's number formats: IEEE or TF32 products, and layers that compute in bfloat16."""

from __future__ import annotations

from typing import Final

import jax
import jax.numpy as jnp

from harness.work.workload import Precision

_PRODUCTS: Final = "jax_default_matmul_precision"

# By its own default JAX may round the factors of fp32 products on a GPU.
_IEEE: Final = "highest"
_TF32: Final = "tensorfloat32"

_NARROW: Final = {Precision.BF16: jnp.bfloat16}


class JaxPrecision:
    """One number format, for whatever is traced from the moment it is made on.

    `dtype` is that of weights, optimiser, softmax and loss, `compute` that of activations and their
    gradients.
    """

    def __init__(self, precision: Precision) -> None:
        # Without it every array is of 32 bits at most; with it, what is given no type is of 64.
        jax.config.update("jax_enable_x64", precision is Precision.FP64)
        jax.config.update(_PRODUCTS, _TF32 if precision is Precision.TF32 else _IEEE)
        self.dtype = jnp.dtype(jnp.float64 if precision is Precision.FP64 else jnp.float32)
        self.compute = jnp.dtype(_NARROW.get(precision, self.dtype))

    def tf32(self) -> bool:
        """Whether factors of fp32 products may be rounded, as JAX's configuration says."""
        return bool(jax.config.values[_PRODUCTS] != _IEEE)
