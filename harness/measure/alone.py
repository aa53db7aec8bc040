"""One measurement at a time on a machine: a lock that says whose it is, and ends with its process."""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from harness.errors import MachineInUse

# Memory that containers may share, and what is left to those without it.
_SHARED: Final = Path("/dev/shm")  # noqa: S108  (the same file for all, on purpose)
_NAME: Final = "evenmatch.lock"

# Locked in common by all that measure beside whoever has the first, and that may outlast it.
_BESIDE: Final = "evenmatch-beside.lock"

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
    with ExitStack() as held:
        try:
            first, beside = (held.enter_context(_opened(_place() / name)) for name in (_NAME, _BESIDE))
        except OSError as error:
            notice(f"whether anybody else measures cannot be told ({error.strerror or error})")
        else:
            # On a file system without locks nobody can be waited for.
            with suppress(OSError):
                _lock(first, beside, command, wait=wait, force=force, notice=notice)
        yield


def _lock(
    first: int, beside: int, command: str, *, wait: bool, force: bool, notice: Callable[[str], None]
) -> None:
    """Have the machine, or a share of it with `force`; see `alone`."""
    for descriptor in (first, beside):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            found = _owner(descriptor)
            if force:
                notice(f"{found}: both will be disturbed")
                fcntl.flock(beside, fcntl.LOCK_SH)
                _sign(beside, command)
                return
            if not wait:
                raise MachineInUse(
                    f"{found}; two at once spoil both: --wait waits for its end, --force measures all the "
                    "same"
                ) from None
            notice(f"waiting: {found}")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        _sign(first, command)
    # Else those that are to measure beside this one would wait for its end.
    fcntl.flock(beside, fcntl.LOCK_UN)


def _place() -> Path:
    told = os.environ.get(PLACE_VARIABLE)
    if told:
        return Path(told)
    shared = _SHARED.is_dir() and os.access(_SHARED, os.W_OK)
    return _SHARED if shared else Path(tempfile.gettempdir())


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """A lock's file, for any user to lock.

    In a folder that all may write to, Linux lets nobody make a file anew that is another's.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        with suppress(OSError):
            os.fchmod(descriptor, 0o666)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


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
