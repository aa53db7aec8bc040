"""How a run is named by whoever asks for it: an identifier, `latest`, a results folder, or a file of one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from harness.errors import ResultsUnusable
from harness.settings import parsing

LATEST: Final = "latest"

_PLAIN: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._~-]*")

_LATEST: Final = re.compile(rf"{LATEST}(?:~(\d+))?")


def is_plain(name: object) -> bool:
    """Whether a name from outside is that of a file in a folder, and of nothing elsewhere."""
    return isinstance(name, str) and _PLAIN.fullmatch(name) is not None


def is_latest(name: str) -> bool:
    """Whether `name` counts runs from the newest: `latest`, `latest~1` (the one before), and so on."""
    return _LATEST.fullmatch(name) is not None


def counted_back(name: str, known: Sequence[str], folder: Path) -> str:
    """The run that `latest` or `latest~N` means among `known`, which is oldest first.

    Raises:
        ResultsUnusable: the folder holds too few runs.
    """
    found = _LATEST.fullmatch(name)
    back = int(found[1] or 0) if found else 0
    if back >= len(known):
        held = f"{len(known)} run{'s' * (len(known) != 1)}"
        raise ResultsUnusable(f"run {name}: not in {folder}; it holds {held}")
    return known[-1 - back]


def locate(results: Path, name: str) -> tuple[Path, str]:
    """The results folder and the run's name in it that `name` means.

    Args:
        results: the folder that runs are looked up in.
        name: `latest`, `latest~N`, an identifier, another results folder (its latest run is meant), or
            the file of a run in one (`FOLDER/runs/RUN.parquet`).

    Raises:
        BadOption: bytes that are no text.
        ResultsUnusable: a path that is neither.
    """
    path = parsing.path("RUN", name)
    if is_latest(name) or (path.parent == Path() and not path.exists()):
        return results, name
    if path.is_dir():
        return path, LATEST
    if path.is_file() and path.suffix == ".parquet" and path.resolve().parent.name == "runs":
        return path.resolve().parents[1], path.stem
    raise ResultsUnusable(
        f"run {name}: not found; use an identifier, {LATEST}, {LATEST}~1, a results folder, or "
        "RESULTS/runs/RUN.parquet in one"
    )
