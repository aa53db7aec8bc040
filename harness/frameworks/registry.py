"""The frameworks that are installed here: one way to find a record, ours or another package's.

Each is an entry point in the group `evenmatch.frameworks` whose value names a record, as in

    [project.entry-points."evenmatch.frameworks"]
    numpy = "evenmatch_numpy.record:RECORD"
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Final, cast

from harness.errors import FrameworkMissing
from harness.frameworks.entries import Entry, entries, loaded
from harness.frameworks.record import Framework, Libraries, Look

GROUP: Final = "evenmatch.frameworks"

# Of a framework whose package is not here any more, and whose results are.
_UNKNOWN: Final = Look(colour="#6b6f76", dark_colour="#b3b8c0", marker="s", dashes=(1, 1), hatch="xx")


@cache
def records(*, absent: bool = False) -> tuple[Framework, ...]:
    """Every framework's record, in the order in which frameworks are listed.

    An optional framework is one of them where it is installed; elsewhere only among those with `absent` ones.

    Raises:
        FrameworkMissing: a record that cannot be loaded, or a name that two packages claim.
    """
    owners: dict[str, Entry] = {}
    for entry in _entries():
        if entry.name in owners:
            both = f"{owners[entry.name].distribution} and {entry.distribution}"
            raise FrameworkMissing(f"framework {entry.name}: {both} both have one; uninstall one of them")
        owners[entry.name] = entry
    found = [loaded(entry, Framework, "framework", FrameworkMissing) for entry in owners.values()]
    listed = [one for one in found if absent or not one.optional or is_installed(one)]
    return tuple(sorted(listed, key=lambda one: (one.rank, one.name)))


def names() -> tuple[str, ...]:
    return tuple(one.name for one in records())


def is_installed(framework: Framework) -> bool:
    """Whether what it runs on is there; found out without importing it."""
    # Imported here: it would slow every `--help`.
    from importlib.util import find_spec  # noqa: PLC0415

    return find_spec(framework.module) is not None


def require_installed(names: Sequence[str]) -> None:
    """All of these have to be installed.

    Raises:
        FrameworkMissing: naming those that are not, and what installs them; and what `record` raises.
    """
    missing = [one for one in map(record, names) if not is_installed(one)]
    if missing:
        commands = dict.fromkeys(f"`{one.install}`" for one in missing)
        raise FrameworkMissing(
            f"{' and '.join(one.name for one in missing)}: not installed for this Python; "
            f"use {' and '.join(commands)}"
        )


def record(name: str) -> Framework:
    """The record of the framework that is called so, also of an optional one that is not installed.

    Raises:
        FrameworkMissing: none is, and what `records` raises.
    """
    for one in records(absent=True):
        if one.name == name:
            return one
    raise FrameworkMissing(f"framework {name}: none is called so; use {', '.join(names())}, or install it")


def libraries(name: str) -> Libraries | None:
    """The libraries for a GPU that a framework has for itself, if it has any.

    Raises:
        FrameworkMissing: what `record` raises.
    """
    module = record(name).libraries
    return None if module is None else cast(Libraries, importlib.import_module(module))


def label(name: str) -> str:
    """A framework's name for a reader, also of one that is not installed; else the name itself."""
    return next((one.label for one in records(absent=True) if one.name == name), name)


def short(name: str) -> str:
    """As `label`, where there is no room."""
    return next((one.short for one in records(absent=True) if one.name == name), name)


def look(name: str) -> Look:
    """How a framework is drawn, also one that nobody here knows of any more."""
    return next((one.look for one in records(absent=True) if one.name == name), _UNKNOWN)


def in_order(found: Iterable[str]) -> list[str]:
    """Names in the order in which frameworks are listed, those that nobody here knows of at the end."""
    known = [one.name for one in records(absent=True)]
    return sorted(found, key=lambda name: (known.index(name) if name in known else len(known), name))


def _entries() -> Iterator[Entry]:
    return entries(GROUP)
