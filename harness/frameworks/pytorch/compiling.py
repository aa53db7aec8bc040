"""Whether `torch.compile` works here: compile a step of nothing, and say with what.

A process of its own, for the doctor: `python -m harness.frameworks.pytorch.compiling cpu|gpu`. On a CPU
Inductor picks a C++ compiler (CXX, else what it finds), holds it against a small program, and builds with
Python's headers and OpenMP. On a GPU Triton builds what starts its kernels with a C compiler (CC, else gcc or
clang, no other) and Python's headers. Each of these can be missing, and only doing it shows that.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from harness.frameworks.record import Place

_LAUNCHER = """
#include <Python.h>
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "launcher", NULL, -1, NULL};
PyMODINIT_FUNC PyInit_launcher(void) { return PyModule_Create(&module); }
"""


def main(place: Place) -> None:
    """Print which compiler it was, and end with 0; or what stood in the way, and end with 1."""
    ways: dict[Place, Callable[[], str]] = {Place.CPU: _on_cpu, Place.GPU: _on_gpu}
    try:
        compiler = ways[place]()
    except Exception as error:  # noqa: BLE001  (whatever stands in the way is the answer)
        # The first line is Inductor's sentence; advice on its logs follows, or all that the compiler said.
        print(next(filter(None, map(str.strip, str(error).splitlines())), type(error).__name__))  # noqa: T201
        sys.exit(1)
    print(shutil.which(compiler) or compiler)  # noqa: T201


def _on_cpu() -> str:
    from torch._inductor import cpp_builder  # noqa: PLC0415  (as `_on_gpu` has it)

    _compile("cpu")
    compiler: str = cpp_builder.get_cpp_compiler()
    return compiler


def _on_gpu() -> str:
    # What Triton has built elsewhere would be found again; the working folder is empty.
    os.environ["TRITON_CACHE_DIR"] = str(Path.cwd())
    # There is none without a GPU's wheels; and what stands in its way is known before PyTorch is imported.
    from triton.runtime import build  # noqa: PLC0415

    build.compile_module_from_src(_LAUNCHER, "launcher")
    _compile("cuda")
    # As Triton looks for one.
    return os.environ.get("CC") or next(filter(None, map(shutil.which, ("gcc", "clang"))))


def _compile(device: str) -> None:
    import torch  # noqa: PLC0415  (as `_on_gpu` has it)

    double = torch.compile(lambda values: values * 2)
    assert double(torch.ones(8, device=device)).sum() == 2 * 8


if __name__ == "__main__":
    main(Place(sys.argv[1]))
