"""Temporary folders: the one place that makes and sweeps them, and says what helps where none can be made."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from harness.errors import NoTemporaryFolder

# Folders of versions that did not hold theirs were called otherwise.
_PREFIX: Final = "evenmatch-held"
# Another process may take a folder for a forgotten one in the moment before it is held.
_TRIES: Final = 3


@contextmanager
def folder(purpose: str = "") -> Iterator[Path]:
    """A folder that is gone after the block, but for what something in it still holds on to.

    It is held as long as this process lives, so that `sweep` can tell it from one that was left behind.

    Raises:
        NoTemporaryFolder: none can be written.
    """
    prefix = f"{_PREFIX}-{purpose}-" if purpose else f"{_PREFIX}-"
    try:
        made, descriptor = _held(prefix)
    except OSError as error:
        raise NoTemporaryFolder(
            f"no temporary folder can be written ({error.strerror or error}); set TMPDIR to a folder that can"
        ) from error
    try:
        with made as path:
            yield Path(path)
    finally:
        os.close(descriptor)


def sweep() -> None:
    """Remove the temporary folders of processes that were killed."""
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}-*"):
        # Others' cannot be opened, or not be removed.
        with suppress(OSError):
            descriptor = _open(path)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(descriptor)


def _held(prefix: str) -> tuple[tempfile.TemporaryDirectory[str], int]:
    """A new folder, and the descriptor by which it is held."""
    for _ in range(_TRIES):
        made = tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True)
        with suppress(FileNotFoundError):
            descriptor = _open(Path(made.name))
            # Where the file system knows no locks nobody sweeps either.
            with suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_SH)
            if Path(made.name).exists():
                return made, descriptor
            os.close(descriptor)
        made.cleanup()
    raise FileNotFoundError(f"{prefix}* was removed as soon as it was made")


def _open(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
