"""A forced shortage of memory: what it is called, and what comes back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

import psutil

from harness.engine.selfchecking.outcome import Outcome, Reading, State, could_not, together
from harness.engine.selfchecking.workers import CheckConditions, Hand, Workers
from harness.errors import OutOfMemory, TrialError
from harness.measure.gpu import RELEASED_WITHIN_BYTES, GpuSampler
from harness.worker.protocol import Do

# More than a process can address, so no kernel promises it: 128 TiB.
_BEYOND_BYTES: Final = 2**47

# What a worker has started is ended with it; the system may take a moment to bury it.
_BURIED_WITHIN_S: Final = 5.0

_ROUND_S: Final = 0.05


def out_of_memory(conditions: CheckConditions, workers: Workers) -> Outcome:
    """Each framework in turn is asked for more than there is."""
    return together([_forced(framework, conditions, workers) for framework in conditions.frameworks])


def _forced(framework: str, conditions: CheckConditions, workers: Workers) -> Outcome:
    gpu = conditions.gpu
    if conditions.on_gpu and (gpu is None or gpu.total_bytes is None):
        return could_not(conditions.gpu_reason or "the driver does not tell the device's memory")
    beyond_bytes = 2 * gpu.total_bytes if gpu is not None and gpu.total_bytes else _BEYOND_BYTES
    sampler = None if gpu is None else GpuSampler(gpu)
    try:
        with workers.open(framework) as hand:
            if sampler is not None:
                sampler.follow(framework, hand.process.pid)
            hand.begin(conditions.case())
            hand.ready(conditions.case(), _ROUND_S)
            family = _family(hand.process.pid)
            called = list(_called(hand, beyond_bytes))
    finally:
        if sampler is not None:
            sampler.stop()
    outlived = _outlived(family)
    left_bytes = None if sampler is None else sampler.use(framework).left_bytes
    problems = [*called, *_next(framework, conditions, workers)]
    if outlived:
        problems.append(f"{len(outlived)} of its processes outlived it")
    if left_bytes is not None and left_bytes > RELEASED_WITHIN_BYTES:
        problems.append(f"{left_bytes / 2**20:.0f} MiB of the device did not come back")
    good = "told as out of memory, all came back, and the next worker trained"
    return Outcome(
        state=State.FAILED if problems else State.PASSED,
        sentence=f"{framework}: {', '.join(problems) or good}",
        readings=(
            Reading(what=f"{framework}: asked for", value=beyond_bytes / 2**30, unit="GiB"),
            Reading(
                what=f"{framework}: processes that outlived it", value=float(len(outlived)), allowed="none"
            ),
            *([] if sampler is None else [_not_back(framework, left_bytes)]),
        ),
    )


def _called(hand: Hand, beyond_bytes: int) -> Iterator[str]:
    """What the shortage was called, where that is not what it was."""
    try:
        hand.ask(Do.HOLD, size_bytes=beyond_bytes)
    except OutOfMemory:
        return
    except TrialError as error:
        yield f"told as {error.kind!r}, not as out of memory ({error})"
    else:
        yield "got more memory than there is"


def _next(framework: str, conditions: CheckConditions, workers: Workers) -> Iterator[str]:
    """Why the next worker cannot train, where it cannot."""
    try:
        with workers.started(conditions.case(), [framework], round_s=_ROUND_S) as (hand,):
            hand.train()
    except TrialError as error:
        yield f"the next worker could not train: {error}"


def _not_back(framework: str, left_bytes: int | None) -> Reading:
    return Reading(
        what=f"{framework}: did not come back",
        value=None if left_bytes is None else left_bytes / 2**20,
        unit="MiB",
        allowed=f"at most {RELEASED_WITHIN_BYTES / 2**20:.0f} MiB",
    )


def _family(pid: int) -> list[psutil.Process]:
    """A worker and all that it has started."""
    worker = psutil.Process(pid)
    return [worker, *worker.children(recursive=True)]


def _outlived(family: list[psutil.Process]) -> list[psutil.Process]:
    """Those of a family that still run a moment after the worker has ended."""
    until_s = time.monotonic() + _BURIED_WITHIN_S
    while True:
        alive = [one for one in family if _runs(one)]
        if not alive or time.monotonic() > until_s:
            return alive
        time.sleep(0.05)


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
