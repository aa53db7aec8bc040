"""TensorFlow's CUDA libraries: a folder of their own, of which its workers alone are told.

TensorFlow is built for CUDA 12 and PyTorch for CUDA 13, and wheels of both own files of the same name
(nvidia/cudnn/lib/libcudnn.so.9, nvidia/nccl/lib/libnccl.so.2): laid in one place, what is installed last is
what both frameworks run on. Nor does TensorFlow find all libraries where its wheels lay them: not cuSOLVER.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib.metadata import distributions
from pathlib import Path
from typing import Final

# The Makefile's TENSORFLOW_CUDA.
FOLDER: Final = Path(sys.prefix, "tensorflow-cuda")

_SEARCHED: Final = "LD_LIBRARY_PATH"
_XLA: Final = "XLA_FLAGS"
# ptxas and libdevice, with which XLA and TensorFlow's own kernels are compiled.
_COMPILER: Final = Path("nvidia", "cuda_nvcc")


def installed() -> dict[str, str]:
    """Version by package of what lies in the folder; nothing where there is none."""
    return {one.name: one.version for one in distributions(path=[str(FOLDER)]) if one.name}


def variables(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables by which TensorFlow finds the folder; none where there is none.

    The folder comes before what `environment` has in the same variables, so that what is loaded is what is
    pinned; the user's own flags for XLA come last and win.
    """
    libraries = sorted(str(place) for place in FOLDER.glob("nvidia/*/lib"))
    if not libraries:
        return {}
    flags = [f'--xla_gpu_cuda_data_dir="{FOLDER / _COMPILER}"', environment.get(_XLA)]
    return {
        _SEARCHED: os.pathsep.join(filter(None, [*libraries, environment.get(_SEARCHED)])),
        _XLA: " ".join(filter(None, flags)),
    }
