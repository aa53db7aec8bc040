"""Whether `torch.compile` works here: compile a step of nothing on the CPU, and say with what.

A process of its own, for the doctor. Inductor picks a C++ compiler (CXX, else what it finds), holds it
against a small program, and builds with Python's headers and OpenMP; each of these can be missing, and
only doing it shows that.
"""

from __future__ import annotations

import shutil
import sys

import torch
from torch._inductor import cpp_builder


def main() -> None:
    """Print which compiler it was, and end with 0; or what Inductor said, and end with 1."""
    try:
        double = torch.compile(_double)
        assert double(torch.ones(8)).sum() == 2 * 8
    except Exception as error:  # noqa: BLE001  (whatever stands in the way is the answer)
        # The first line is Inductor's sentence; advice on its logs follows, or all that the compiler said.
        print(next(filter(None, map(str.strip, str(error).splitlines())), type(error).__name__))  # noqa: T201
        sys.exit(1)
    compiler = cpp_builder.get_cpp_compiler()
    print(shutil.which(compiler) or compiler)  # noqa: T201


def _double(values: torch.Tensor) -> torch.Tensor:
    return values * 2


if __name__ == "__main__":
    main()
