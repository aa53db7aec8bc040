"""A scripted framework that also holds memory and has a device's clock, with one fault planted in it.

`EVENMATCH_ADAPTER_PYTORCH=tests.engine.selfchecking.acting`, and `EVENMATCH_FAULT="name"` or
`"name=argument"`. On a device that is no CPU the bytes that it holds stand in the file that
`EVENMATCH_SCRIPT_DEVICE` names, where the stub of the management library looks them up.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import psutil

from harness.errors import DeviceUnavailable
from harness.frameworks.gauge import Gauge
from harness.frameworks.scripted import Script, Scripted
from harness.work.records import AllocatorUse
from harness.work.workload import Mode
from tests.processes import command

FAULT, _, ARGUMENT = os.environ.get("EVENMATCH_FAULT", "").partition("=")

EPOCH_S = 0.2
TOTAL_BYTES = 8 * 2**30
_BASE_BYTES = 2**30
_PAUSED_S = 0.2


def probe(device):
    if FAULT == "cannot use the device":
        raise DeviceUnavailable(f"scripted not to use {device}")
    return f"acting on {device}"


def open_adapter(spec):
    return Acting(spec, Script(epoch_s=EPOCH_S))


class Device(Gauge):
    """Its clock is the host's, its allocator counts what is held."""

    def __init__(self):
        self.held_bytes = 0

    def begin_round(self):
        self._began_s = time.perf_counter()

    def end_round(self):
        self._ended_s = time.perf_counter()

    def round_s(self):
        return (self._ended_s - self._began_s) * (1.02 if FAULT == "events run fast" else 1)

    def allocated(self):
        told_bytes = self.held_bytes // (2 if FAULT == "the allocator tells half" else 1)
        return AllocatorUse(peak_in_use_bytes=told_bytes, peak_reserved_bytes=None, reason=None)


class Acting(Scripted):
    def __init__(self, spec, script):
        super().__init__(spec, script)
        self._on_gpu = spec.case.device != "cpu"
        self._ended_s = time.monotonic()
        if self._on_gpu:
            self.gauge = Device()
            _tell_the_driver(_BASE_BYTES)
            if FAULT != "keeps memory":
                _give_back_at_the_end()
        if FAULT == "the clock runs fast":
            _run_fast(time.perf_counter)
        if FAULT == "leaves a process":
            subprocess.Popen(["sleep", "20"], start_new_session=True)

    def hold(self, size_bytes):
        if FAULT == "holds half":
            size_bytes //= 2
        if FAULT == "does not give back":
            self._leak = [*getattr(self, "_leak", []), getattr(self, "_ballast", None)]
        if FAULT == "gets what there is not" and size_bytes > TOTAL_BYTES:
            return
        if FAULT == "says it in other words" and size_bytes > TOTAL_BYTES:
            raise RuntimeError("no room")
        if not self._on_gpu:
            super().hold(size_bytes)
            return
        if size_bytes > TOTAL_BYTES:
            _tell_the_driver(_BASE_BYTES + 2**30)
            raise MemoryError("more than the device has")
        self.gauge.held_bytes = size_bytes
        _tell_the_driver(_BASE_BYTES + size_bytes)

    def train_epoch(self):
        began_s = time.monotonic()
        super().train_epoch()
        slowed = {
            "tires in a pause": lambda: began_s - self._ended_s > _PAUSED_S,
            "minds its partner": lambda: _partners() > 1,
            "minds the sampler": lambda: Path(ARGUMENT).exists(),
        }.get(FAULT, lambda: False)()
        if slowed:
            time.sleep(0.5 * (time.monotonic() - began_s))
        self._ended_s = time.monotonic()

    def train_loss(self):
        wrong = FAULT == "another loss" and self.spec.case.mode is not Mode.LOOP
        return super().train_loss() * (1.1 if wrong else 1)


def _tell_the_driver(used_bytes):
    Path(os.environ["EVENMATCH_SCRIPT_DEVICE"]).write_text(str(used_bytes))


def _give_back_at_the_end():
    """As a driver does: whatever way this process ends, all that it held is free."""
    # What holds the other end of this pipe is this process alone.
    subprocess.Popen(
        ["sh", "-c", 'cat; echo "$0" > "$1"', str(_BASE_BYTES), os.environ["EVENMATCH_SCRIPT_DEVICE"]],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip


def _partners():
    return sum("harness.worker" in command(one) for one in psutil.Process().parent().children())


def _run_fast(clock):
    base_s = clock()
    time.perf_counter = lambda: base_s + 1.02 * (clock() - base_s)
