"""Of which kind a failure in a worker is, in the words of the errors that trials end with."""

from __future__ import annotations

from harness.errors import DeviceUnavailable, OutOfMemory, TrialError, WorkerFailed, WrongDevice
from harness.frameworks.base import Adapter


def kind_of(error: Exception, opened: type[Adapter] | None) -> str:
    """The word that is stored for it; `opened` is the adapter whose it was, if one had been made."""
    said = opened is not None and opened.out_of_memory(error)
    if said or isinstance(error, MemoryError):
        return OutOfMemory.kind
    if isinstance(error, DeviceUnavailable):
        return WrongDevice.kind
    return error.kind if isinstance(error, TrialError) else WorkerFailed.kind
