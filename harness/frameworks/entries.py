"""Entry points of ours and of other packages: one way to find whatever is named in pyproject.toml.

They are read from the metadata of what is installed. In a checkout ours come from its pyproject.toml, in
which they are written: metadata would be those of the last installation, and a checkout runs without any.
"""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, TypeVar

import harness
from harness.errors import HarnessError

_OURS: Final = "evenmatch"


class _Record(Protocol):
    @property
    def name(self) -> str: ...


Named = TypeVar("Named", bound=_Record)


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


def loaded(entry: Entry, kind: type[Named], what: str, missing: type[HarnessError]) -> Named:
    """The record that an entry point names, which is of this kind and called as the entry point is.

    Raises:
        missing: there is none; the sentence begins with `what` it should have been, `framework` say.
    """
    module, _, attribute = entry.value.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except Exception as error:
        raise missing(
            f"{what} {entry.name}: its record {entry.value} cannot be loaded "
            f"({type(error).__name__}: {error}); repair or uninstall {entry.distribution}"
        ) from error
    if not isinstance(found, kind) or found.name != entry.name:
        raise missing(
            f"{what} {entry.name}: {entry.value} is no record of that name; repair or uninstall "
            f"{entry.distribution}"
        )
    return found


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
