"""Variables of the environment: which ones a worker may have, and which of these are recorded.

A worker's environment is made, not inherited: what `ALLOWED` lets in of the shell's, what the user lets in by
name, and what is fixed here. What is recorded is taken from the same, so nothing else in a shell can reach
a file, a page or a log.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

# By TensorFlow's default a process takes nearly all memory of a GPU at once.
GROWTH: Final = "TF_FORCE_GPU_ALLOW_GROWTH"
VISIBLE: Final = "CUDA_VISIBLE_DEVICES"
LOG_LEVEL: Final = "TF_CPP_MIN_LOG_LEVEL"
COMPILE_CACHE: Final = "TORCHINDUCTOR_CACHE_DIR"
# Where the driver keeps what it has compiled of a framework's PTX; by default a folder of the user's.
DRIVER_CACHE: Final = "CUDA_CACHE_PATH"
KERAS_HOME: Final = "KERAS_HOME"

_PYTHON_PATH: Final = "PYTHONPATH"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Variables that are let in for one reason.

    `names` are patterns, `folders` hold lists of folders; what is `neutral` can change no measurement.
    """

    names: tuple[str, ...]
    why: str
    recorded: bool = False
    folders: bool = False
    neutral: bool = False


ALLOWED: Final = (
    Group(names=("PATH",), why="torch.compile calls a C++ compiler", folders=True),
    Group(
        names=("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH"),
        why="where CUDA's and the driver's libraries lie; another library is another speed",
        recorded=True,
        folders=True,
    ),
    Group(names=(VISIBLE,), why="the GPUs that are left; a worker is given one of them", recorded=True),
    Group(names=("HOME", "USER", "LOGNAME"), why="frameworks ask whose process this is, and for a folder"),
    Group(names=("TMPDIR", "TEMP", "TMP"), why="where there is room for temporary files", neutral=True),
    Group(names=("LANG", "LANGUAGE", "LC_*", "TZ"), why="how texts and times are read", recorded=True),
    Group(
        # Never recorded: nothing that is measured goes through a proxy, and its address may hold a login.
        names=(
            "http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy",
            "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY",
        ),
        why="a framework that asks for something is answered as everywhere on this machine",
        neutral=True,
    ),
    Group(
        names=("EVENMATCH_ADAPTER_*", "EVENMATCH_SCRIPT_*", "EVENMATCH_FAULT"),
        why="trials of the harness itself, whose runs have to show it",
        recorded=True,
    ),
)  # fmt: skip

# Made anew for each worker; the user can set none of them.
_OWN_FOLDERS: Final = frozenset({COMPILE_CACHE, DRIVER_CACHE, KERAS_HOME})
_PLACED: Final = _OWN_FOLDERS | {VISIBLE}

_SECRET: Final = re.compile(
    r"TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|COOKIE|AUTH|(^|_)(PASS|PWD|PRIVATE|(API)?KEYS?)($|_)",
    re.IGNORECASE,
)
_ADDRESS_WITH_LOGIN: Final = re.compile(r"://[^/\s]*@")
_NOT_KEPT: Final = "(not recorded: it holds a login)"

# Known to change what a framework computes or how fast. TF_VAR_..., TF_CLI_... and the like are Terraform's.
_CHANGES_FRAMEWORKS: Final = re.compile(
    r"(OMP|GOMP|KMP|MKL|OPENBLAS|XLA|KERAS|CUDA|CUDNN|CUBLAS|NVIDIA|TORCH|TORCHINDUCTOR|TORCHDYNAMO|PYTORCH"
    r"|TRITON|AOT|ATEN|DNNL|ONEDNN|MALLOC)_\w+|TF2?_(?!VAR_|CLI_|LOG|DATA_DIR|WORKSPACE|INPUT|REGISTRY|TOKEN)\w+"
    r"|LD_PRELOAD|PYTHON(OPTIMIZE|MALLOC|DEVMODE|TRACEMALLOC)"
)


def fixed(threads: int) -> dict[str, str]:
    """What every worker has, whatever the shell has: all that a framework reads at its import."""
    return {
        "PYTHONHASHSEED": "0",
        "PYTHONNOUSERSITE": "1",
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "KERAS_BACKEND": "tensorflow",
        # On: the default where it matters (AVX-512 CPUs), made the same everywhere.
        "TF_ENABLE_ONEDNN_OPTS": "1",
        GROWTH: "true",
        LOG_LEVEL: "1",
        # CUDA and NVML number devices differently.
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
    }


def is_ours(name: str) -> bool:
    """Whether the harness sets this variable in each worker."""
    return name in _PLACED or name in fixed(1)


def may_be_secret(name: str) -> bool:
    return _SECRET.search(name) is not None


def inherited(shell: Mapping[str, str], passed: Sequence[str] = ()) -> dict[str, str]:
    """What a worker takes of the shell's variables: those that are allowed, and those `passed` by name.

    Lists of folders are made absolute, since a worker does not work where the shell does.
    """
    return {
        name: _absolute(value) if name == _PYTHON_PATH or _is_allowed(name, _FOLDERS) else value
        for name, value in sorted(shell.items())
        if name in passed or _is_allowed(name, ALLOWED)
    }


def recorded(shell: Mapping[str, str], *, threads: int, passed: Sequence[str] = ()) -> dict[str, str]:
    """What is kept with a run: of the variables that its workers have, those that may bear on it."""
    known = {
        name: _NOT_KEPT if _ADDRESS_WITH_LOGIN.search(value) else value
        for name, value in inherited(shell, passed).items()
        if (name in passed or _is_allowed(name, _RECORDED)) and not may_be_secret(name)
    }
    return dict(sorted((known | fixed(threads)).items()))


def bearing(environment: Mapping[str, str]) -> dict[str, str]:
    """A worker's environment without what changes nothing: the folders of one run, and what is neutral."""
    return {
        name: value
        for name, value in environment.items()
        if name not in _OWN_FOLDERS and not _is_allowed(name, _NEUTRAL)
    }


def kept_out(shell: Mapping[str, str], passed: Sequence[str] = ()) -> list[str]:
    """Names of the shell's variables that are known to change a framework, and do not reach a worker."""
    return [
        name
        for name in sorted(shell)
        if _CHANGES_FRAMEWORKS.fullmatch(name)
        and not (is_ours(name) or name in inherited(shell, passed) or may_be_secret(name))
    ]


_FOLDERS: Final = tuple(group for group in ALLOWED if group.folders)
_RECORDED: Final = tuple(group for group in ALLOWED if group.recorded)
_NEUTRAL: Final = tuple(group for group in ALLOWED if group.neutral)


def _is_allowed(name: str, groups: Sequence[Group]) -> bool:
    return any(fnmatchcase(name, pattern) for group in groups for pattern in group.names)


def _absolute(folders: str) -> str:
    """An empty entry would be the working folder."""
    return os.pathsep.join(os.path.abspath(folder) for folder in folders.split(os.pathsep) if folder)  # noqa: PTH100
