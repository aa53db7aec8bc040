"""Run a listing that waits for its turn: `paced.py SCRIPT ARGUMENT...`.

The script is untouched. Where it says that an epoch begins, the write does not return before a line has
come on standard input: between two epochs a program has nothing under way that time could upset.
"""

from __future__ import annotations

import runpy
import sys
from typing import Any, TextIO


class _Paced:
    """Standard output that holds whoever writes `Epoch` to it."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def write(self, text: str) -> int:
        written = self._out.write(text)
        if "Epoch " in text:
            self._out.flush()
            sys.stdin.readline()
        return written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._out, name)


sys.argv = sys.argv[1:]
sys.stdout = _Paced(sys.stdout)  # type: ignore[assignment]
runpy.run_path(sys.argv[0], run_name="__main__")
