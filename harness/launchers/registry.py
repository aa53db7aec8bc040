"""The launchers that there are: a record each, ours or another package's, as frameworks have them.

[project.entry-points."evenmatch.launchers"]
slurm = "harness.launchers.slurm.record:RECORD"
"""

from __future__ import annotations

import importlib
from functools import cache
from importlib.util import find_spec
from typing import Final, cast

from harness.errors import BadOption, LauncherMissing
from harness.frameworks.entries import Entry, entries
from harness.launchers.record import Errand, Fleet, Launcher

GROUP: Final = "evenmatch.launchers"


@cache
def records() -> dict[str, Launcher]:
    """Every launcher's record by its name, ours first.

    Raises:
        LauncherMissing: a record that cannot be loaded, or a name that two packages claim.
    """
    found: dict[str, Launcher] = {}
    for entry in entries(GROUP):
        if entry.name in found:
            raise LauncherMissing(f"launcher {entry.name}: two packages have one; uninstall one of them")
        found[entry.name] = _loaded(entry)
    return found


def record(name: str) -> Launcher:
    """The record of the launcher that is called so, whose engine is installed here.

    Raises:
        BadOption: none is called so.
        LauncherMissing: its engine is not installed, naming what installs it; and what `records` raises.
    """
    if name not in records():
        raise BadOption("LAUNCHER", name, f"one of {', '.join(records())}")
    found = records()[name]
    if found.module is not None and find_spec(found.module) is None:
        raise LauncherMissing(
            f"LAUNCHER={name}: {found.module} is not installed for this Python; use `{found.install}`"
        )
    return found


def opened(launcher: Launcher, errand: Errand, settings: object) -> Fleet:
    """The launcher's engine, to be used as a block."""
    return cast(Fleet, importlib.import_module(launcher.adapter).open_fleet(errand, settings))


def _loaded(entry: Entry) -> Launcher:
    module, _, attribute = entry.value.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except Exception as error:
        raise LauncherMissing(
            f"launcher {entry.name}: its record {entry.value} cannot be loaded "
            f"({type(error).__name__}: {error}); repair or uninstall {entry.distribution}"
        ) from error
    if not isinstance(found, Launcher) or found.name != entry.name:
        raise LauncherMissing(
            f"launcher {entry.name}: {entry.value} is no record of that name; repair or uninstall "
            f"{entry.distribution}"
        )
    return found
