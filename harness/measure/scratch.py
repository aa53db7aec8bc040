"""Temporary folders: the one place that makes them, and says what to do where none can be made."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import NoTemporaryFolder


@contextmanager
def folder(purpose: str = "") -> Iterator[Path]:
    """A folder that is gone after the block, but for what something in it still holds on to.

    Raises:
        NoTemporaryFolder: none can be written.
    """
    prefix = f"evenmatch-{purpose}-" if purpose else "evenmatch-"
    try:
        made = tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True)
    except OSError as error:
        raise NoTemporaryFolder(
            f"no temporary folder can be written ({error.strerror or error}); set TMPDIR to a folder that can"
        ) from error
    with made as path:
        yield Path(path)
