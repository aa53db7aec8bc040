"""Where and with what a run was measured: the machine's columns of the `runs` table.

Frameworks are asked for their versions by their metadata, never by importing them.
"""

from __future__ import annotations

import json
import os
import platform
import socket
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path
from typing import Any, Final

import psutil

import harness
from harness.frameworks import registry
from harness.measure import host, nvml
from harness.measure.variables import recorded

_GIT_TIMEOUT_S: Final = 10


def columns(*, threads: int, passed: Sequence[str] = ()) -> dict[str, Any]:
    """Every host, version, git and environment column of `store.schema.RUNS`; what cannot be told is None.

    `passed` are the shell's variables that were let in by name.
    """
    return {
        **_machine(),
        **_gpus(),
        **_software(),
        "environment_json": json.dumps(recorded(os.environ, threads=threads, passed=passed)),
        **checkout(),
    }


def checkout() -> dict[str, Any]:
    """Commit and state of the checkout that the harness runs from, or the reason why they are null."""
    return _git(Path(harness.__file__).parent)


def _machine() -> dict[str, Any]:
    return {
        "hostname": socket.gethostname(),
        "os": platform.platform(),
        "cpu_model": host.cpu_model(),
        "cpu_logical": psutil.cpu_count(logical=True),
        "cpu_physical": psutil.cpu_count(logical=False),
        "cpu_usable": host.usable_cores(),
        "memory_bytes": host.memory_bytes(),
        "memory_available_bytes": host.available_bytes(),
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
    packages = _installed()
    for framework in registry.names():
        packages |= _own_libraries(framework)
    return {
        "python_version": platform.python_version(),
        "harness_version": harness.__version__,
        **{
            package.column: _version(package.distribution)
            for one in registry.records()
            for package in one.recorded
        },
        "packages_json": json.dumps(dict(sorted(packages.items()))),
    }


def cuda_packages(framework: str) -> dict[str, str]:
    """Versions of the packages that hold CUDA's libraries, and of Triton, which writes kernels.

    Those of the environment, and those that this framework alone is told of.
    """
    installed = _installed() | _own_libraries(framework)
    wanted = {name: installed[name] for name in sorted(installed) if name.startswith("nvidia-")}
    return wanted | {name: installed[name] for name in ("triton",) if name in installed}


def _installed() -> dict[str, str]:
    """Versions of the environment's packages by name. A distribution reads its file anew for each."""
    told = (one.metadata for one in distributions())
    return {one["Name"]: one["Version"] for one in told if one["Name"]}


def _own_libraries(framework: str) -> dict[str, str]:
    own = registry.libraries(framework)
    return {} if own is None else dict(own.installed())


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _git(folder: Path) -> dict[str, Any]:
    """Commit and state of the checkout that tracks `folder`, or the reason why they are null.

    A package installed into a `.venv` also lies inside a checkout, but in somebody else's.
    """
    try:
        if not _git_says(folder, "ls-files", "--", "."):
            return _no_commit("the checkout around the package does not track it")
        commit = _git_says(folder, "rev-parse", "HEAD")
        dirty = bool(_git_says(folder, "status", "--porcelain"))
    except subprocess.CalledProcessError as error:
        lines = error.stderr.strip().splitlines()
        said = lines[0].removeprefix("fatal: ") if lines else f"exit status {error.returncode}"
        return _no_commit(f"git: {said}")
    except subprocess.TimeoutExpired:
        return _no_commit(f"git: no answer within {_GIT_TIMEOUT_S} s")
    except OSError as error:
        return _no_commit(f"git: {error.strerror or error}")
    return {"git_commit": commit, "git_dirty": dirty, "git_reason": None}


def _no_commit(reason: str) -> dict[str, Any]:
    return {"git_commit": None, "git_dirty": None, "git_reason": reason}


def _git_says(folder: Path, *words: str) -> str:
    """Ask git about this folder, whatever repository a variable of the shell names.

    Raises:
        OSError: there is no git.
        subprocess.SubprocessError: it refused, or did not answer.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.run(
        ["git", "-C", str(folder), *words],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=_GIT_TIMEOUT_S,
        check=True,
        env=environment | {"LC_ALL": "C"},
    ).stdout.strip()
