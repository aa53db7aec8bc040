"""A framework's adapter by its name: ours, another package's, or one put in its place."""

from __future__ import annotations

import importlib
import os
import sys
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Final

import harness
from harness.errors import FrameworkMissing
from harness.work.workload import PYTORCH, TENSORFLOW

ENTRY_POINTS: Final = "evenmatch.frameworks"

_BUILT_IN: Final = {
    TENSORFLOW: "harness.frameworks.tensorflow.adapter",
    PYTORCH: "harness.frameworks.pytorch.adapter",
}


def adapter_module(framework: str) -> ModuleType:
    """Import the module of a framework's adapter, and with it the framework.

    `EVENMATCH_ADAPTER_<FRAMEWORK>` names another module in its place, for trials of the harness itself. It is
    also looked for beside the package: in a checkout that is where `tests` lies.

    Raises:
        FrameworkMissing: when no adapter has this name.
    """
    replaced = os.environ.get(f"EVENMATCH_ADAPTER_{framework.upper()}")
    if replaced:
        # Last on the path: it adds a module and hides none.
        sys.path.append(str(Path(harness.__file__).absolute().parents[1]))
        return importlib.import_module(replaced)
    if framework in _BUILT_IN:
        return importlib.import_module(_BUILT_IN[framework])
    for entry in entry_points(group=ENTRY_POINTS, name=framework):
        return importlib.import_module(entry.module)
    raise FrameworkMissing(f"no adapter is called {framework!r}")
