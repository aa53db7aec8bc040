"""What the rest of the house knows of JAX."""

from __future__ import annotations

from typing import Final

from harness.frameworks.record import EVERYWHERE, ON_GPU, Framework, Look, Package, Variables
from harness.work.workload import Mode, Precision, Way

# By its default a process takes three quarters of a GPU's memory at once.
_PREALLOCATE: Final = "XLA_PYTHON_CLIENT_PREALLOCATE"

RECORD: Final = Framework(
    name="jax",
    label="JAX",
    short="JAX",
    rank=2,
    look=Look(colour="#1f7a4d", dark_colour="#63d297", marker="v", dashes=(6, 2, 1, 2), hatch="\\\\\\"),
    modes={
        Mode.LOOP: EVERYWHERE,
        Mode.EAGER: EVERYWHERE,
        Mode.GRAPH: EVERYWHERE,
    },
    precisions={
        Precision.FP32: EVERYWHERE,
        Precision.TF32: ON_GPU,
        Precision.BF16: EVERYWHERE,
        Precision.FP64: EVERYWHERE,
    },
    ways={Way(mode=Mode.GRAPH): EVERYWHERE},
    adapter="harness.frameworks.jax.adapter",
    # Brings JAX and Optax along; JAX alone would not do.
    module="flax",
    install="make setup FRAMEWORKS=jax",
    packages=(
        Package(distribution="jax", label="JAX", disables="every comparison with it"),
        Package(distribution="jaxlib", label="jaxlib", recorded=False, disables="every comparison with JAX"),
        Package(distribution="flax", label="Flax", disables="every comparison with JAX"),
        Package(distribution="optax", label="Optax", disables="every comparison with JAX"),
    ),
    variables=Variables(
        fixed={_PREALLOCATE: "false"},
        telling=r"(JAX|XLA|FLAX|OPTAX|PJRT)_\w+|NPROC",
    ),
    default_memory={_PREALLOCATE: "true"},
    optional=True,
)
