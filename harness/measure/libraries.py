"""CUDA's libraries: which a process has loaded, from where, and which overwrite others.

Two of one name are two speeds.
"""

from __future__ import annotations

import re
from importlib.metadata import distributions
from pathlib import Path
from typing import Final

_MAPS: Final = Path("/proc/self/maps")

_CUDAS: Final = re.compile(
    r"lib(cuda|cudart|cublas(Lt)?|cudnn\w*|cufft|curand|cusolver\w*|cusparse(Lt)?|cupti|nccl|nvrtc\w*|nvJitLink"
    r"|nvidia-ml|nvshmem\w*)(-[\w.]+)?\.so[.\d]*"
)


def cudas(maps: Path = _MAPS) -> list[str]:
    """Full paths of CUDA's libraries in this process, sorted; empty where the system does not list them."""
    if not maps.is_file():
        return []
    lines = maps.read_text(encoding="utf-8", errors="replace").splitlines()
    # Address, permissions, offset, device and inode come before the path, which may hold spaces.
    paths = {words[5] for line in lines if len(words := line.split(maxsplit=5)) > 5}  # noqa: PLR2004
    return sorted(path for path in paths if _CUDAS.fullmatch(path.rpartition("/")[2]))


def overwritten() -> list[str]:
    """Packages that the environment has for CUDA 12 and for 13: both own the same files."""
    names = {one.name for one in distributions() if one.name}
    stems = {name.removesuffix("-cu12") for name in names if name.endswith("-cu12")}
    return sorted(stem for stem in stems if f"{stem}-cu13" in names)
