"""A launcher as the rest of the house knows it, and what its adapter has to be able to do.

What a launcher does is small: have a command run on some host, say whether it still does, take it back. What
comes of a shard is on the shared folder, whatever the engine says of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol, Self

from harness.errors import BadOption


class Standing(StrEnum):
    """How an engine says that a shard which it was sent stands.

    `GONE` is what has ended in any way that the others do not name. `WITHDRAWN` was taken back by somebody
    else, who wants it not to be measured.
    """

    WAITING = "waiting"
    RUNNING = "running"
    GONE = "gone"
    PREEMPTED = "preempted"
    OUT_OF_TIME = "out of time"
    HOST_LOST = "host lost"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What an engine says of a shard: how it stands, on which host and why, where it knows."""

    standing: Standing
    host: str | None = None
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A shard to be measured: its number, and the command that does that on a host (`attempt`).

    `host` is the one that has measured some of it, and on which it would go on, not begin anew.
    """

    number: int
    command: tuple[str, ...]
    host: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What all shards of one launch have in common.

    `folder` is the engine's own, on the shared file system. `tries` is how often a shard may be begun.
    """

    plan_id: str
    folder: Path
    tries: int


class Fleet(Protocol):
    """An engine at work for one plan; what it holds it gives back as the block ends, whatever still runs."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def send(self, tasks: Sequence[Task], *, shunned: frozenset[str]) -> None:
        """Have these measured, on no host that is shunned.

        Raises:
            LaunchFailed: the engine refuses.
        """

    def look(self) -> Mapping[int, Seen]:
        """How each shard stands that was sent and not recalled; without those of which it cannot tell now."""

    def recall(self, number: int) -> None:
        """End a shard, wherever it is; what is left of one on a lost host is no concern any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One setting of a launcher: `parse` makes a value of its name and text, `default` is a text, too."""

    parse: Callable[[str, str], Any]
    default: str
    says: str


def as_typed(_option: str, text: str) -> str:
    """The value of a setting whose text means something to the engine alone."""
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Launcher:
    """One launcher.

    Attributes:
        name: in options: small letters.
        label: for a reader.
        settings: the frozen record of its settings, whose fields are the names of `options`.
        options: how each of them is written.
        adapter: the module with `open_fleet(errand, settings)`; it alone imports the engine.
        module: what is imported of the engine, looked for without importing it; None where it has none.
        install: the command that installs that.
    """

    name: str
    label: str
    settings: type[Any]
    options: Mapping[str, Option]
    adapter: str
    module: str | None = None
    install: str = ""

    def settled(self, given: Sequence[str]) -> Any:
        """Its settings from texts such as `partition=long`.

        Raises:
            BadOption: a name that none has, or a value that is not allowed.
        """
        texts = {name: option.default for name, option in self.options.items()}
        for one in given:
            name, equals, text = one.partition("=")
            if not equals or name not in self.options:
                names = ", ".join(self.options) or "none: it has no options"
                raise BadOption("OPTION", one, f"NAME=VALUE with a name that {self.label} has: {names}")
            texts[name] = text
        values = {name: self.options[name].parse(name, text) for name, text in texts.items()}
        return self.settings(**values)
