"""Who measures a run now: a lock on it, which ends with the process however that ends."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from harness.errors import NotStored, ResultsUnusable

# Whoever asks whether a run is held holds it for a moment.
_TRIES: Final = 10
_PAUSE_S: Final = 0.02


@contextmanager
def held(folder: Path, run_id: str) -> Iterator[None]:
    """Hold a run of a results folder while the block measures it.

    Where the file system knows no locks nothing is held, and the run seems abandoned as long as it goes on.

    Raises:
        NotStored: the lock's file cannot be made.
        ResultsUnusable: another process measures the run.
    """
    path = _path(folder, run_id)
    try:
        descriptor = _locked(path)
    except BlockingIOError:
        raise ResultsUnusable(f"run {run_id}: another process is measuring it") from None
    except OSError as error:
        raise NotStored(f"{path}: cannot be written ({error.strerror or error})") from error
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink()
        os.close(descriptor)


def is_held(folder: Path, run_id: str) -> bool:
    """Whether a process is measuring a run."""
    try:
        descriptor = os.open(_path(folder, run_id), os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False


def _locked(path: Path) -> int:
    """A descriptor of the file, locked.

    Raises:
        BlockingIOError: another process has it.
        OSError: it cannot be opened.
    """
    for tries_left in reversed(range(_TRIES)):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            if not tries_left:
                raise
            time.sleep(_PAUSE_S)
            continue
        except OSError:
            return descriptor
        # Whoever held it before may have removed this file since it was opened.
        if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
            return descriptor
        os.close(descriptor)
    raise BlockingIOError


def _path(folder: Path, run_id: str) -> Path:
    return folder / "runs" / f".{run_id}.lock"
