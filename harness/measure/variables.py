"""Variables of the environment: which ones a worker may have, and which of these are recorded.

A worker's environment is made, not inherited: what `ALLOWED` and the frameworks' records let in of the
shell's, what the user lets in by name, and what is fixed here and there. What is recorded is taken from the
same, so nothing else in a shell can reach a file, a page or a log.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import Final

from harness.frameworks import registry

VISIBLE: Final = "CUDA_VISIBLE_DEVICES"
# Where the driver keeps what it has compiled for a GPU; by default a folder of the user's.
_DRIVER_CACHE: Final = "CUDA_CACHE_PATH"

_PYTHON_PATH: Final = "PYTHONPATH"

# By their names: ssh hands on whatever begins with LC_, and not all that comes that way is a locale.
_LOCALE: Final = ("LC_ALL", "LC_COLLATE", "LC_CTYPE", "LC_MESSAGES", "LC_MONETARY", "LC_NUMERIC", "LC_TIME")


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


_OF_TRIALS: Final = Group(
    names=("EVENMATCH_ADAPTER_*", "EVENMATCH_SCRIPT_*", "EVENMATCH_FAULT"),
    why="trials of the harness itself, whose runs have to show it",
    recorded=True,
)

ALLOWED: Final = (
    Group(names=("PATH",), why="a framework that compiles calls a C++ compiler", folders=True),
    Group(
        names=("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH"),
        why="where CUDA's and the driver's libraries lie; another library is another speed",
        recorded=True,
        folders=True,
    ),
    Group(names=(VISIBLE,), why="the GPUs that are left; a worker is given one of them", recorded=True),
    Group(names=("HOME", "USER", "LOGNAME"), why="frameworks ask whose process this is, and for a folder"),
    Group(names=("TMPDIR", "TEMP", "TMP"), why="where there is room for temporary files", neutral=True),
    Group(names=("LANG", "LANGUAGE", *_LOCALE, "TZ"), why="how texts and times are read", recorded=True),
    Group(
        # Never recorded: nothing that is measured goes through a proxy, and its address may hold a login.
        names=(
            "http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy",
            "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY",
        ),
        why="a framework that asks for something is answered as everywhere on this machine",
        neutral=True,
    ),
    _OF_TRIALS,
)  # fmt: skip

_SECRET: Final = re.compile(
    r"TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|COOKIE|AUTH|(^|_)(PASS|PWD|PRIVATE|(API)?KEYS?)($|_)",
    re.IGNORECASE,
)
_ADDRESS_WITH_LOGIN: Final = re.compile(r"://[^/\s]*@")
_NOT_KEPT: Final = "(not recorded: it holds a login)"

# Known to change what any framework computes or how fast.
_CHANGE_ANY: Final = (
    r"(OMP|GOMP|KMP|MKL|OPENBLAS|CUDA|CUDNN|CUBLAS|NVIDIA|DNNL|ONEDNN|MALLOC)_\w+"
    r"|LD_PRELOAD|GLIBC_TUNABLES|NPY_(EN|DIS)ABLE_CPU_FEATURES"
    r"|PYTHON(OPTIMIZE|MALLOC|DEVMODE|TRACEMALLOC)"
)


def fixed(threads: int) -> dict[str, str]:
    """What every worker has, whatever the shell has: all that a framework reads at its import.

    Every framework's, so that all workers have the same; what all share no record can change.
    """
    own = {name: value for one in registry.records() for name, value in one.variables.fixed.items()}
    return own | {
        "PYTHONHASHSEED": "0",
        "PYTHONNOUSERSITE": "1",
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        # CUDA and NVML number devices differently.
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
    }


def folders() -> dict[str, str]:
    """Variables that name a folder, made anew for each worker: its place inside a run's own cache."""
    own = {name: place for one in registry.records() for name, place in one.variables.folders.items()}
    return own | {_DRIVER_CACHE: "driver"}


def read_late(name: str) -> bool:
    """Whether a worker has this variable to itself: what is kept there is written when a framework computes.

    What reads such a folder at an import, as Keras does its settings, finds it as empty as the worker's own.
    """
    return name in folders() or name.startswith("EVENMATCH_SCRIPT_")


def is_ours(name: str) -> bool:
    """Whether the harness sets this variable in each worker; the user can set none of them."""
    return name == VISIBLE or name in folders() or name in fixed(1)


def may_be_secret(name: str) -> bool:
    return _SECRET.search(name) is not None


def inherited(shell: Mapping[str, str], passed: Sequence[str] = ()) -> dict[str, str]:
    """What a worker takes of the shell's variables: those that are allowed, and those `passed` by name.

    Lists of folders are made absolute, since a worker does not work where the shell does.
    """
    return {
        name: _absolute(value) if name == _PYTHON_PATH or _is_allowed(name, _FOLDERS) else value
        for name, value in sorted(shell.items())
        if name in passed or _is_allowed(name, [*ALLOWED, *_of_frameworks()])
    }


def told_on(shell: Mapping[str, str], passed: Sequence[str] = ()) -> dict[str, str]:
    """What a shell has of its user's own for workers on any host: not where something lies on this one.

    All of it is recorded there, so nothing secret is among it.
    """
    return {
        name: value
        for name, value in sorted(shell.items())
        if (name in passed or _is_allowed(name, [_OF_TRIALS])) and not may_be_secret(name)
    }


def recorded(shell: Mapping[str, str], *, threads: int, passed: Sequence[str] = ()) -> dict[str, str]:
    """What is kept with a run: of the variables that its workers have, those that may bear on it."""
    known = {
        name: _NOT_KEPT if _ADDRESS_WITH_LOGIN.search(value) else value
        for name, value in inherited(shell, passed).items()
        if (name in passed or _is_allowed(name, [*_RECORDED, *_of_frameworks()])) and not may_be_secret(name)
    }
    return dict(sorted((known | fixed(threads)).items()))


def bearing(environment: Mapping[str, str]) -> dict[str, str]:
    """A worker's environment without what changes nothing: the folders of one run, and what is neutral."""
    return {
        name: value
        for name, value in environment.items()
        if name not in folders() and not _is_allowed(name, _NEUTRAL)
    }


def kept_out(shell: Mapping[str, str], passed: Sequence[str] = ()) -> list[str]:
    """Names of the shell's variables that are known to change a framework, and do not reach a worker."""
    return [
        name
        for name in sorted(shell)
        if _telling().fullmatch(name)
        and not (is_ours(name) or name in inherited(shell, passed) or may_be_secret(name))
    ]


def cleared(shell: Mapping[str, str]) -> dict[str, str]:
    """The shell's variables without those that are known to change a framework and that no worker has."""
    let_in = inherited(shell)
    return {name: value for name, value in shell.items() if name in let_in or not _telling().fullmatch(name)}


_FOLDERS: Final = tuple(group for group in ALLOWED if group.folders)
_RECORDED: Final = tuple(group for group in ALLOWED if group.recorded)
_NEUTRAL: Final = tuple(group for group in ALLOWED if group.neutral)


def _of_frameworks() -> Iterator[Group]:
    for one in registry.records():
        for pattern, why in one.variables.allowed.items():
            yield Group(names=(pattern,), why=why, recorded=True)


@cache
def _telling() -> re.Pattern[str]:
    """Names of all variables that are known to change a framework."""
    own = [one.variables.telling for one in registry.records() if one.variables.telling]
    return re.compile("|".join(f"(?:{names})" for names in [_CHANGE_ANY, *own]))


def _is_allowed(name: str, groups: Sequence[Group]) -> bool:
    return any(fnmatchcase(name, pattern) for group in groups for pattern in group.names)


def _absolute(folders: str) -> str:
    """An empty entry would be the working folder."""
    return os.pathsep.join(os.path.abspath(folder) for folder in folders.split(os.pathsep) if folder)  # noqa: PTH100
