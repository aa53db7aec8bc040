"""The module of a framework's adapter: the one that its record names, or one put in its place."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from types import ModuleType

import harness
from harness.frameworks import registry


def adapter_name(framework: str) -> str:
    """The name of the module of a framework's adapter; nothing of it is imported.

    `EVENMATCH_ADAPTER_<FRAMEWORK>` names another module in its place, for trials of the harness itself. It is
    also looked for beside the package: in a checkout that is where `tests` lies.

    Raises:
        FrameworkMissing: when no framework is called so.
    """
    replaced = os.environ.get(f"EVENMATCH_ADAPTER_{framework.upper()}")
    beside = str(Path(harness.__file__).absolute().parents[1])
    if replaced and beside not in sys.path:
        # Last on the path: it adds a module and hides none.
        sys.path.append(beside)
    return replaced or registry.record(framework).adapter


def adapter_module(framework: str) -> ModuleType:
    """Import the module of a framework's adapter, and with it the framework.

    Raises:
        FrameworkMissing: when no framework is called so.
    """
    return importlib.import_module(adapter_name(framework))
