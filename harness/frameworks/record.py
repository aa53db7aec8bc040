"""A framework as the rest of the house knows it: what is true of one stands in its record, and nowhere else.

A framework's folder, ours or another package's, has a record beside its adapter, and an entry point in the
group `evenmatch.frameworks` names it (`registry`). Importing a record imports no framework: names, colours,
columns and refusals follow from it in a process that never has one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

from harness.work.workload import USUAL, Mode, Precision, Way

_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_COLOUR: Final = re.compile(r"#[0-9a-f]{6}")


class Place(StrEnum):
    """Where work can be done."""

    CPU = "cpu"
    GPU = "gpu"

    @classmethod
    def of(cls, device: str) -> Place:
        """The place of a device as cases name it: `cpu`, `cuda:0` or a GPU's UUID."""
        return cls.CPU if device == "cpu" else cls.GPU


ON_CPU: Final = frozenset({Place.CPU})
ON_GPU: Final = frozenset({Place.GPU})
EVERYWHERE: Final = ON_CPU | ON_GPU


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How a framework is drawn: a colour for light pages and one for dark, and what tells it without colour.

    Colours are written `#rrggbb` in small letters. `marker` and `hatch` are matplotlib's, `dashes` are on and
    off in line widths, empty for an unbroken line.
    """

    colour: str
    dark_colour: str
    marker: str
    dashes: tuple[int, ...] = ()
    hatch: str = ""

    def __post_init__(self) -> None:
        for colour in (self.colour, self.dark_colour):
            if not _COLOUR.fullmatch(colour):
                raise ValueError(f"colour {colour!r} is not written as #rrggbb in small letters")


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A distribution that a framework runs on: its version is part of a certificate's identity.

    `label` is its name for a reader. With `recorded` its version has a column of its own in the runs table;
    `packages_json` has every version. `disables` is what does not work without it, where `harness doctor` is
    to look for it.
    """

    distribution: str
    label: str
    recorded: bool = True
    disables: str | None = None

    @property
    def column(self) -> str:
        return f"{re.sub('[^a-z0-9]+', '_', self.distribution.lower())}_version"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variables:
    """The variables of the environment that are a framework's own; all workers have the same.

    `fixed` are set in every worker. `folders` name a folder each inside the run's own cache, empty for that
    itself. `allowed` are patterns of names that are let in from the shell and recorded, each with why.
    `telling` is a regular expression of the names that are known to change what the framework computes or
    how fast: those that do not get through are told.
    """

    fixed: Mapping[str, str] = field(default_factory=dict)
    folders: Mapping[str, str] = field(default_factory=dict)
    allowed: Mapping[str, str] = field(default_factory=dict)
    telling: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ability:
    """What a framework may be unable to do on a machine, tried in a process of its own.

    `module` is run in a worker's surroundings, at each of its places, with the place as its argument: its
    last line says what came of it, its exit status whether it can.
    """

    name: str
    module: str
    does: str
    disables: str
    places: frozenset[Place] = ON_CPU


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """What a framework writes for itself, where that alone says why it cannot use a device.

    `variables` have it write all; `prefix` is a regular expression of what it puts before its own words, and
    with which a line of its own begins. `not_opened` is one of its words on a library that it could not open,
    the library's name its group; `remedy` is what installs those. `chatter` are words that tell nothing.
    """

    variables: Mapping[str, str]
    prefix: str
    not_opened: str
    chatter: str
    remedy: str


class Libraries(Protocol):
    """A GPU's libraries that a framework has for itself, and of which its workers on a GPU alone are told.

    A module is one, imported by name in the parent, too: it imports no framework.
    """

    def variables(self, environment: Mapping[str, str], /) -> Mapping[str, str]:
        """Of a worker's environment, the variables by which the framework finds them; empty without them."""

    def installed(self) -> Mapping[str, str]:
        """Version by package; empty without them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Framework:
    """One framework.

    Attributes:
        name: in options, columns and identifiers: small letters, digits and underscores.
        label: for a reader, and `short` where there is no room for it.
        rank: its place in lists, columns and figures, the lowest first; equal ones are ordered by name.
        look: how it is drawn.
        modes: the modes that it has, each with the places where it has it.
        precisions: the number formats, likewise.
        ways: what `MODE=best` tries beside the usual loop to execute the same work, likewise.
        adapter: the module with `open_adapter(spec)` and `probe(device)`, imported in a worker alone.
        module: what is imported under its name; looked for without importing it.
        install: the command that installs it.
        packages: what it runs on, the framework itself first.
        variables: of the environment.
        together: where several workers of its usual loop can train one model, each a process.
        default_memory: the variables with which it takes a GPU's memory as it does by default, where trials
            have it otherwise; what that is has a column of its own.
        abilities: what is tried on this machine by `harness doctor`.
        libraries: the module that is its `Libraries`, if it has any beside the environment's packages.
        log: what it writes for itself, if a refusal is to quote that.
        cautions: what its adapter may record of itself, with what a reader has to be told where it does.
        optional: whether it is left out of every list where its `module` is not there.

    Raises:
        ValueError: a name that is none, no package, or no mode.
    """

    name: str
    label: str
    short: str
    look: Look
    modes: Mapping[Mode, frozenset[Place]]
    precisions: Mapping[Precision, frozenset[Place]]
    adapter: str
    module: str
    install: str
    packages: tuple[Package, ...]
    ways: Mapping[Way, frozenset[Place]] = field(default_factory=dict)
    rank: int = 100
    together: frozenset[Place] = frozenset()
    variables: Variables = field(default_factory=Variables)
    default_memory: Mapping[str, str] = field(default_factory=dict)
    abilities: tuple[Ability, ...] = ()
    libraries: str | None = None
    log: Log | None = None
    cautions: Mapping[str, str] = field(default_factory=dict)
    optional: bool = False

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"name {self.name!r} is not small letters, digits and underscores")
        if not self.packages:
            raise ValueError("a framework runs on one package at least: itself")
        if not self.modes or not self.precisions:
            raise ValueError("a framework has one mode and one number format at least")

    def ways_at(self, place: Place) -> tuple[Way, ...]:
        """Its usual loop, and its other ways at a place: a way is where its mode is, too."""
        return (
            USUAL,
            *(
                way
                for way, places in self.ways.items()
                if place in places & self.modes.get(way.mode, frozenset())
            ),
        )

    @property
    def places(self) -> frozenset[Place]:
        """Where it has any mode at all."""
        return frozenset(place for places in self.modes.values() for place in places)

    @property
    def version_column(self) -> str:
        """The column of the runs table with its own version."""
        return self.packages[0].column

    @property
    def recorded(self) -> tuple[Package, ...]:
        """The packages whose versions have columns of their own."""
        return tuple(one for one in self.packages if one.recorded)

    @property
    def context_column(self) -> str:
        """The column with what it takes of a GPU before any work."""
        return f"{self.name}_context_bytes"

    @property
    def default_column(self) -> str | None:
        """The column with the same under its own default, where trials have it otherwise."""
        return f"{self.name}_default_bytes" if self.default_memory else None
