"""Which of CUDA's libraries a process has loaded, and from where: two of one name are two speeds."""

from __future__ import annotations

import re
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
