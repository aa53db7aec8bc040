"""Ask the real `pynvml` on the stub library, in a process of its own: it loads a library once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def settings(folder=None, **stub):
    """An environment in which the stub is NVML; `folder` None leaves the machine's own."""
    given = {f"NVML_STUB_{name.upper()}": str(value) for name, value in stub.items()}
    found = {} if folder is None else {"LD_LIBRARY_PATH": str(folder)}
    return os.environ | {"PYTHONPATH": str(ROOT)} | given | found


def said(code, folder=None, visible=None, **stub):
    """What the code printed as JSON."""
    environment = settings(folder, **stub)
    environment.pop("CUDA_VISIBLE_DEVICES", None)
    if visible is not None:
        environment["CUDA_VISIBLE_DEVICES"] = visible
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    return json.loads(done.stdout)
