"""What an attempt at a shard leaves beside its results: who made it, where, whether it lives, how it ended.

A folder on the shared file system is all that the driver and the hosts have in common:

    OUTPUT/launch/0003/01-20261129T214500-node7-4711.json   an attempt, rewritten as it ends
    OUTPUT/launch/0003/01-20261129T214500-node7-4711.log    what it said
    OUTPUT/0003/node7/                                      the shard's results folder on that host

The time of the note's file is set anew as long as the attempt lives: that it moves is what counts, no clock
is compared with another.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

LAUNCH: Final = "launch"

# So often an attempt shows that it lives; it costs one call of the system.
BEAT_S: Final = 10.0

# Why an engine has an attempt end, and what tells it that it was for its time.
ASKED: Final = "asked to end"
OUT_OF_TIME: Final = "out of time"
TIME_SIGNAL: Final = signal.SIGALRM


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One attempt.

    `sending` counts how often the driver has sent the shard; an engine that begins it anew by itself leaves
    several attempts of one. `status` is the exit status of `harness run-shard`, negative for a signal, null
    as long as it goes on. `ended_by` is why the engine asked for its end, if it did.
    """

    shard: int
    sending: int
    host: str
    pid: int
    started_at: str
    ended_at: str | None = None
    status: int | None = None
    ended_by: str | None = None


def folder_of(output: Path, number: int) -> Path:
    """Where the notes of a shard lie."""
    return output / LAUNCH / f"{number:04d}"


def results_of(output: Path, number: int, host: str) -> Path:
    """The results folder of a shard on a host: what two hosts measured is never made into one run."""
    return output / f"{number:04d}" / host


def write(path: Path, note: Note) -> None:
    """Write a note whole."""
    partial = path.with_name(f".{path.name}")
    partial.write_text(json.dumps(asdict(note), indent=1) + "\n", encoding="utf-8")
    partial.replace(path)


def beat(path: Path) -> None:
    """Show that the attempt lives, where the folder can be reached."""
    with suppress(OSError):
        os.utime(path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A note as it lies there; `moved_ns` changes as long as the attempt lives."""

    note: Note
    path: Path
    moved_ns: int

    @property
    def last_line(self) -> str:
        """The last that the attempt said, if anything."""
        with suppress(OSError):
            text = self.path.with_suffix(".log").read_text(encoding="utf-8", errors="replace")
            lines = [line.strip() for line in text.splitlines() if line.strip()]
            return lines[-1] if lines else ""
        return ""


def read(output: Path, number: int) -> list[Found]:
    """The attempts at a shard in the order in which they were made; what cannot be read yet is left out."""
    return sorted(_read(folder_of(output, number)), key=lambda one: one.path.name)


def _read(folder: Path) -> Iterator[Found]:
    for path in folder.glob("[0-9]*.json"):
        with suppress(OSError, ValueError, TypeError):
            told = json.loads(path.read_text(encoding="utf-8"))
            yield Found(note=Note(**told), path=path, moved_ns=path.stat().st_mtime_ns)
