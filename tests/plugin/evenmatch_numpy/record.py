"""What evenmatch knows of NumPy."""

from __future__ import annotations

from typing import Final

from harness.frameworks.record import ON_CPU, Framework, Look, Package, Variables
from harness.work.workload import Mode, Precision

RECORD: Final = Framework(
    name="numpy",
    label="NumPy",
    short="NP",
    look=Look(colour="#00707a", dark_colour="#4cc3cf", marker="^", dashes=(1, 1), hatch=".."),
    modes={Mode.LOOP: ON_CPU, Mode.EAGER: ON_CPU},
    precisions={Precision.FP32: ON_CPU, Precision.FP64: ON_CPU},
    adapter="evenmatch_numpy.adapter",
    module="evenmatch_numpy",
    install="pip install evenmatch-numpy",
    packages=(
        Package(distribution="numpy", label="NumPy"),
        Package(
            distribution="evenmatch-numpy", label="its adapter", recorded=False, disables="every comparison"
        ),
    ),
    variables=Variables(
        allowed={"OPENBLAS_CORETYPE": "the kernels that NumPy's products are made by"},
        telling=r"NPY_\w+",
    ),
)
