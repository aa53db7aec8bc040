"""Entry points of ours and of other packages: one way to find whatever is named in pyproject.toml.

They are read from the metadata of what is installed. In a checkout ours come from its pyproject.toml, in
which they are written: metadata would be those of the last installation, and a checkout runs without any.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import harness

_OURS: Final = "evenmatch"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry point: a name, the record that it stands for (`module:attribute`), and whose it is."""

    name: str
    value: str
    distribution: str


def entries(group: str) -> Iterator[Entry]:
    """All entry points of a group, ours first."""
    # Imported here: it would slow every `--help`.
    from importlib.metadata import entry_points  # noqa: PLC0415

    checkout = list(_of_this_checkout(group))
    yield from checkout
    for entry in dict.fromkeys(entry_points(group=group)):
        distribution = "an unnamed package" if entry.dist is None else entry.dist.name
        if not (checkout and distribution == _OURS):
            yield Entry(entry.name, entry.value, distribution)


def _of_this_checkout(group: str) -> Iterator[Entry]:
    """Ours, where the package lies beside the pyproject.toml that declares them; else nothing."""
    try:
        text = (Path(harness.__file__).absolute().parents[1] / "pyproject.toml").read_text(encoding="utf-8")
        project = tomllib.loads(text).get("project", {})
    except (OSError, ValueError):
        return
    if project.get("name") == _OURS:
        for name, value in project["entry-points"].get(group, {}).items():
            yield Entry(name, value, _OURS)
