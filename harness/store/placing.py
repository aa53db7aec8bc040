"""A file appears whole or not at all, and what a killed process has left of one is removed."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


@contextmanager
def placed(path: Path) -> Iterator[IO[bytes]]:
    """What the block writes stands at `path` once it has ended, and is on disk.

    Raises:
        OSError: it cannot be written; what was at `path` is still there.
    """
    if not path.parent.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
        _settle(path.parent.parent)
    # The leading dot keeps a half-written file out of every reader's sight.
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with _own(partial) as file:
            yield file
            file.flush()
            # Else a file may have its name before it has its content when the power goes.
            os.fsync(file.fileno())
            partial.replace(path)
        _settle(path.parent)
    finally:
        with suppress(OSError):
            partial.unlink()


def remove_abandoned(folder: Path) -> None:
    """Remove the half-written files of a folder that no process writes any more."""
    for partial in folder.glob(".*"):
        if partial.suffix[1:].isdecimal():
            with suppress(OSError), partial.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                partial.unlink()


def _own(partial: Path) -> IO[bytes]:
    """A new file that is locked as long as it is open, where the file system knows locks."""
    while True:
        file = partial.open("wb")
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        # It may have been taken for an abandoned one before it was locked.
        if os.fstat(file.fileno()).st_nlink:
            return file
        file.close()


def _settle(folder: Path) -> None:
    """Have the folder's names on disk, too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
