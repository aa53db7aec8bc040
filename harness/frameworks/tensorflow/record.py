"""What the rest of the house knows of TensorFlow."""

from __future__ import annotations

from typing import Final

from harness.frameworks.record import EVERYWHERE, ON_CPU, ON_GPU, Framework, Log, Look, Package, Variables
from harness.work.workload import Mode, Precision, Way

# By its default a process takes nearly all memory of a GPU at once.
_GROWTH: Final = "TF_FORCE_GPU_ALLOW_GROWTH"
_LOG_LEVEL: Final = "TF_CPP_MIN_LOG_LEVEL"

# What mode idiomatic records of its step where Keras turned XLA on.
FIT_BY_XLA: Final = "fit (XLA)"

RECORD: Final = Framework(
    name="tensorflow",
    label="TensorFlow",
    short="TF",
    rank=0,
    look=Look(colour="#b94f06", dark_colour="#ff9d57", marker="o"),
    modes={
        Mode.LOOP: EVERYWHERE,
        Mode.EAGER: EVERYWHERE,
        Mode.COMPILED: EVERYWHERE,
        Mode.IDIOMATIC: EVERYWHERE,
        Mode.GRAPH: EVERYWHERE,
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
        Way(mode=Mode.COMPILED): EVERYWHERE,
        Way(mode=Mode.GRAPH): EVERYWHERE,
    },
    together=ON_CPU,
    adapter="harness.frameworks.tensorflow.adapter",
    module="tensorflow",
    install="make setup",
    packages=(
        Package(distribution="tensorflow", label="TensorFlow", disables="every comparison"),
        Package(distribution="keras", label="Keras"),
    ),
    variables=Variables(
        fixed={
            "KERAS_BACKEND": "tensorflow",
            # On: the default where it matters (AVX-512 CPUs), made the same everywhere.
            "TF_ENABLE_ONEDNN_OPTS": "1",
            _GROWTH: "true",
            _LOG_LEVEL: "1",
        },
        # Keras reads number format and backend from keras.json in its home.
        folders={"KERAS_HOME": "keras"},
        # TF_VAR_..., TF_CLI_... and the like are Terraform's.
        telling=r"(XLA|KERAS)_\w+|TF2?_(?!VAR_|CLI_|LOG|DATA_DIR|WORKSPACE|INPUT|REGISTRY|TOKEN)\w+",
    ),
    default_memory={_GROWTH: "false"},
    libraries="harness.frameworks.tensorflow.cuda",
    log=Log(
        # Its loader tells of a library by itself only when asked to.
        variables={_LOG_LEVEL: "0", "TF_CPP_VMODULE": "dso_loader=1"},
        # Date, time, thread and place, or time, level and place.
        prefix=r"([\d-]{10} [\d:.]+: )?([IWEF]\d{4} [\d:.]+ +\d+|[IWEF]) [^ ]+:\d+\] ",
        not_opened=r"Could not load dynamic library '([^']+)'",
        chatter="Successfully opened dynamic library",
        remedy="`make setup DEVICE=cuda` installs CUDA's for it",
    ),
    cautions={
        FIT_BY_XLA: (
            "Mode idiomatic on a GPU: Keras has XLA compile what `fit` runs, by itself; a loop such as "
            "PyTorch's is eager. That is what people type in each, not one way of execution in both."
        ),
    },
)
