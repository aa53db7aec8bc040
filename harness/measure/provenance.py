"""Where and with what a run was measured: the machine's columns of the `runs` table.

Frameworks are asked for their versions by their metadata, never by importing them.
"""

from __future__ import annotations

import json
import os
import platform
import re
import socket
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path
from typing import Any, Final

import psutil

import harness
from harness.measure import host, nvml

_MATTERS: Final = re.compile(
    r"(OMP|GOMP|KMP|MKL|OPENBLAS|TF|XLA|CUDA|NVIDIA|TORCH|TORCHINDUCTOR|PYTORCH|PYTHON|MALLOC|HARNESS|EVENMATCH)_?\w*"
    r"|LD_PRELOAD|KERAS_BACKEND|ONEDNN_\w+|DNNL_\w+"
)
_SECRET: Final = re.compile(
    r"TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|(^|_)(API)?KEY($|_)|AUTH", re.IGNORECASE
)
_ADDRESS_WITH_LOGIN: Final = re.compile(r"://[^/\s]*@")
_GIT_TIMEOUT_S: Final = 10


def columns() -> dict[str, Any]:
    """Every host, version and git column of `store.schema.RUNS`; what cannot be told is None."""
    return {**_machine(), **_gpus(), **_software(), **_git(Path(harness.__file__).parent)}


def relevant(environment: Mapping[str, str]) -> dict[str, str]:
    """Variables that change what is measured, without any that may hold a secret."""
    return {
        name: value
        for name, value in sorted(environment.items())
        if _MATTERS.fullmatch(name) and not _SECRET.search(name) and not _ADDRESS_WITH_LOGIN.search(value)
    }


def _machine() -> dict[str, Any]:
    memory_bytes = host.memory_bytes()
    return {
        "hostname": socket.gethostname(),
        "os": platform.platform(),
        "cpu_model": host.cpu_model(),
        "cpu_logical": psutil.cpu_count(logical=True),
        "cpu_physical": psutil.cpu_count(logical=False),
        "cpu_usable": host.usable_cores(),
        "memory_bytes": memory_bytes,
        "memory_available_bytes": min(psutil.virtual_memory().available, memory_bytes),
        "load_1min_start": host.load_1min(),
        "cpu_busy_before": host.busy_share(),
    }


def _gpus() -> dict[str, Any]:
    seen = nvml.probe()
    return {
        "gpu_names": [gpu.name for gpu in seen.devices],
        "gpu_driver": seen.driver_version,
        "gpu_reason": seen.reason,
    }


def _software() -> dict[str, Any]:
    packages = {one.name: one.version for one in distributions() if one.name}
    return {
        "python_version": platform.python_version(),
        "harness_version": harness.__version__,
        "tensorflow_version": _version("tensorflow"),
        "keras_version": _version("keras"),
        "torch_version": _version("torch"),
        "environment_json": json.dumps(relevant(os.environ)),
        "packages_json": json.dumps(dict(sorted(packages.items()))),
    }


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _git(folder: Path) -> dict[str, Any]:
    """Commit and state of the checkout that tracks `folder`.

    A package installed into a `.venv` also lies inside a checkout, but in somebody else's.
    """
    if not _git_says(folder, "ls-files", "--", "."):
        return {"git_commit": None, "git_dirty": None}
    changes = _git_says(folder, "status", "--porcelain")
    return {
        "git_commit": _git_says(folder, "rev-parse", "HEAD"),
        "git_dirty": None if changes is None else bool(changes),
    }


def _git_says(folder: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words],
            capture_output=True,
            text=True,
            timeout=_GIT_TIMEOUT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
