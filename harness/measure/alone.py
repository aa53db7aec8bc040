"""One measurement at a time on a machine: a lock that says whose it is, and ends with its process."""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from harness.errors import MachineInUse

# Memory that containers may share, and what is left to those without it.
_SHARED: Final = Path("/dev/shm")  # noqa: S108  (the same file for all, on purpose)
_NAME: Final = "evenmatch.lock"

# What the file says of its owner, at most so many bytes of it, of which so many characters each are shown.
_SAID: Final = ("user", "pid", "since", "command")
_MOST_BYTES: Final = 1 << 14
_MOST_SHOWN: Final = 200

# Where else the lock lies, such as a folder that several containers have in common.
PLACE_VARIABLE: Final = "EVENMATCH_LOCK"


@contextmanager
def alone(command: str, *, wait: bool, force: bool, notice: Callable[[str], None]) -> Iterator[None]:
    """Measure alone while the block runs: two measurements at once spoil each other.

    The lock is the system's, so that of a process that has gone, whichever way, is nobody's. Where no lock
    is to be had, or with `force`, the block runs all the same. `notice` is told of whom is waited for.

    Raises:
        MachineInUse: somebody else measures, and that is not to be waited for.
    """
    try:
        descriptor = _opened(_place())
    except OSError as error:
        notice(f"whether anybody else measures cannot be told ({error.strerror or error})")
        yield
        return
    try:
        if _locked(descriptor, wait=wait, force=force, notice=notice):
            _sign(descriptor, command)
        yield
    finally:
        os.close(descriptor)


def _locked(descriptor: int, *, wait: bool, force: bool, notice: Callable[[str], None]) -> bool:
    """Whether the lock is ours now; see `alone`."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        found = _owner(descriptor)
        if force:
            notice(f"{found}: both will be disturbed")
            return False
        if not wait:
            raise MachineInUse(
                f"{found}; two at once spoil both: --wait waits for its end, --force measures all the same"
            ) from None
        notice(f"waiting: {found}")
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError:
        # A file system without locks.
        return False
    return True


def _place() -> Path:
    told = os.environ.get(PLACE_VARIABLE)
    if told:
        return Path(told) / _NAME
    shared = _SHARED.is_dir() and os.access(_SHARED, os.W_OK)
    return (_SHARED if shared else Path(tempfile.gettempdir())) / _NAME


def _opened(path: Path) -> int:
    """The lock's file, for any user to lock.

    In a folder that all may write to, Linux lets nobody make a file anew that is another's.
    """
    with suppress(FileNotFoundError):
        return os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    with suppress(OSError):
        os.fchmod(descriptor, 0o666)
    return descriptor


def _sign(descriptor: int, command: str) -> None:
    """Say whose the lock is; it is as good without."""
    owner = {
        "user": _user(),
        "pid": os.getpid(),
        "since": f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S %Z}",
    }
    with suppress(OSError):
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(owner | {"command": command}).encode(), 0)


def _owner(descriptor: int) -> str:
    """Who has the lock, in words; what the file says is somebody else's, and may be anything."""
    try:
        said = json.loads(os.pread(descriptor, _MOST_BYTES, 0))
        told = {name: "".join(c for c in str(said[name]) if c.isprintable())[:_MOST_SHOWN] for name in _SAID}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return "another measurement is going on"
    return (
        f"another measurement is going on: `{told['command']}` of {told['user']}, process {told['pid']}, "
        f"since {told['since']}"
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"user {os.getuid()}"
