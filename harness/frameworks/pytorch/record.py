"""What the rest of the house knows of PyTorch."""

from __future__ import annotations

from typing import Final

from harness.frameworks.record import EVERYWHERE, ON_CPU, ON_GPU, Ability, Framework, Look, Package, Variables
from harness.work.program import Update
from harness.work.workload import Mode, Precision, Way

RECORD: Final = Framework(
    name="pytorch",
    label="PyTorch",
    short="PT",
    rank=1,
    # Broken, so that of two lines in one place both are seen.
    look=Look(colour="#5a45c9", dark_colour="#a99bff", marker="D", dashes=(3, 2), hatch="///"),
    modes={
        Mode.LOOP: EVERYWHERE,
        Mode.EAGER: EVERYWHERE,
        Mode.COMPILED: EVERYWHERE,
        Mode.IDIOMATIC: EVERYWHERE,
        # CUDA graphs are a GPU's.
        Mode.GRAPH: ON_GPU,
        Mode.ARTICLE: EVERYWHERE,
    },
    precisions={
        Precision.FP32: EVERYWHERE,
        Precision.TF32: ON_GPU,
        Precision.BF16: EVERYWHERE,
        # No ordinary processor computes in it: it is emulated there.
        Precision.FP16: ON_GPU,
        Precision.FP64: EVERYWHERE,
    },
    ways={
        # On a GPU the stock one is this one.
        Way(mode=Mode.LOOP, update=Update.FOREACH): ON_CPU,
        Way(mode=Mode.LOOP, update=Update.FUSED): EVERYWHERE,
        Way(mode=Mode.COMPILED): EVERYWHERE,
        Way(mode=Mode.GRAPH): ON_GPU,
    },
    together=ON_CPU,
    adapter="harness.frameworks.pytorch.adapter",
    module="torch",
    install="make setup",
    packages=(
        Package(distribution="torch", label="PyTorch", disables="every comparison"),
        Package(
            distribution="torchvision",
            label="torchvision",
            recorded=False,
            disables="mode idiomatic, and one source of the data",
        ),
    ),
    variables=Variables(
        # Its profiler, which a proof asks what ran, says so in every log.
        fixed={"KINETO_LOG_LEVEL": "6"},
        # A cache of its own for each run: compile time does not depend on what ran before it.
        folders={"TORCHINDUCTOR_CACHE_DIR": ""},
        telling=r"(TORCH|TORCHINDUCTOR|TORCHDYNAMO|PYTORCH|TRITON|AOT|ATEN)_\w+",
    ),
    abilities=(
        Ability(
            name="torch.compile",
            module="harness.frameworks.pytorch.compiling",
            does="a step was compiled with",
            disables="mode compiled in PyTorch",
            places=EVERYWHERE,
        ),
    ),
)
