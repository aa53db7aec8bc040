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
from harness.frameworks.entries import entries, loaded
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
        found[entry.name] = loaded(entry, Launcher, "launcher", LauncherMissing)
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
