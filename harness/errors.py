"""Everything this project raises on purpose.

    HarnessError
    ├── UsageError               exit 2: the request cannot be carried out as written
    │   ├── BadOption            a value that no option accepts
    │   ├── DeviceUnavailable    a device that not every framework can use
    │   ├── FrameworkMissing     a framework that is not installed
    │   ├── DataUnavailable      no source gave the data set, or a folder does not hold it
    │   ├── LauncherMissing      what has shards measured elsewhere is not installed, or not to be had here
    │   ├── MachineInUse         another measurement is going on
    │   ├── NotComparable        two runs whose ratio would not mean what it says
    │   ├── NotResumable         a run whose rest would be measured otherwise than its beginning
    │   ├── NoTemporaryFolder    no folder for what only lives as long as a worker
    │   └── ResultsUnusable      a results or reports folder that cannot be read or written
    ├── CertificateFailed        exit 3: the frameworks did not do the same work
    │   └── NoEvidence           an adapter that cannot be asked what it does
    ├── TrialError               a worker did not finish its trial; becomes a row, never ends a run
    │   ├── WorkerDied           the process ended early (its exit status or signal is named)
    │   ├── WorkerFailed         the adapter raised; the message is its own
    │   │   ├── OutOfMemory      the GPU, or the host, had no memory left
    │   │   ├── WrongDevice      the framework works elsewhere than where it was told to
    │   │   └── OtherWork        what a timed round ran is not what it was told to run
    │   ├── WorkerSilent         no answer before the deadline
    │   ├── LogTooLong           what it printed would fill the disk
    │   └── ProtocolError        an answer that the parent cannot read, or did not ask for
    ├── NotPublished             what was measured is on this disk, and could not be put elsewhere
    ├── LaunchFailed             an engine for several hosts took no shard, or shards were not finished
    ├── NotStored                what was measured cannot be written: the disk is full
    └── NvmlError                the driver's management library refused or is absent

The command line prints a `HarnessError` as one line and exits with its `exit_code`; anything else is
a bug and keeps its traceback.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

# The exit status of what was ended by Ctrl-C, as shells have it: 128 and the number of the signal.
INTERRUPTED_STATUS: Final = 130


class HarnessError(Exception):
    """Root of the tree; `exit_code` is the status with which the command line ends."""

    exit_code: ClassVar[int] = 1


class UsageError(HarnessError):
    exit_code: ClassVar[int] = 2


class BadOption(UsageError):
    """A value that is not allowed; names the option, the value and what is allowed."""

    def __init__(self, option: str, value: object, allowed: str) -> None:
        super().__init__(f"{option}={value}: not allowed; use {allowed}")
        self.option = option
        self.value = value
        self.allowed = allowed


class DeviceUnavailable(UsageError):
    pass


class FrameworkMissing(UsageError):
    pass


class DataUnavailable(UsageError):
    pass


class LauncherMissing(UsageError):
    pass


class MachineInUse(UsageError):
    pass


class NotComparable(UsageError):
    pass


class NotResumable(UsageError):
    pass


class NoTemporaryFolder(UsageError):
    pass


class ResultsUnusable(UsageError):
    pass


class CertificateFailed(HarnessError):
    exit_code: ClassVar[int] = 3


class NoEvidence(CertificateFailed):
    pass


class TrialError(HarnessError):
    """Stops one trial; `kind` is the word stored in the trial's row, `facts` what the worker still knew."""

    kind: ClassVar[str] = "failed"

    def __init__(self, message: str, facts: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.facts = facts or {}


class WorkerDied(TrialError):
    kind: ClassVar[str] = "died"


class WorkerFailed(TrialError):
    kind: ClassVar[str] = "raised"


class OutOfMemory(WorkerFailed):
    kind: ClassVar[str] = "out of memory"


class WrongDevice(WorkerFailed):
    kind: ClassVar[str] = "wrong device"


class OtherWork(WorkerFailed):
    kind: ClassVar[str] = "other work"


_TOLD_BY_WORKERS: Final = {one.kind: one for one in (WorkerFailed, OutOfMemory, WrongDevice, OtherWork)}


def told_by_worker(kind: str) -> type[WorkerFailed]:
    """The failure that a worker says it had, by its kind; `WorkerFailed` for any that it has no name for."""
    return _TOLD_BY_WORKERS.get(kind, WorkerFailed)


class WorkerSilent(TrialError):
    kind: ClassVar[str] = "timeout"


class LogTooLong(TrialError):
    kind: ClassVar[str] = "log"


class ProtocolError(TrialError):
    kind: ClassVar[str] = "protocol"


class LaunchFailed(HarnessError):
    pass


class NotPublished(HarnessError):
    pass


class NotStored(HarnessError):
    pass


class NvmlError(HarnessError):
    pass
