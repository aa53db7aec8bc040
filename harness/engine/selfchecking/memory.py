"""A known amount of memory as each that counts it tells it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import psutil

from harness.engine.selfchecking.outcome import Outcome, Reading, State, could_not, together
from harness.engine.selfchecking.visible import smi_used_bytes
from harness.engine.selfchecking.workers import CheckConditions, Hand, Workers
from harness.measure import host
from harness.measure.gpu import RELEASED_WITHIN_BYTES, GpuSampler
from harness.worker.protocol import Do

KNOWN_BYTES: Final = 2**30

# Nothing else happens in between, and allocators round up to pages: of 1 GiB, 51 MiB.
WITHIN: Final = 0.05

# What a driver gives to an allocator is another thing: some ask for twice as much each time.
MOST_TIMES: Final = 2 + WITHIN

# nvidia-smi tells whole MiB, and somebody's desktop may move a little in the same moment.
_SMI_WITHIN_BYTES: Final = 64 * 2**20

_ROUND_S: Final = 0.1


def known_gib(conditions: CheckConditions, workers: Workers) -> Outcome:
    """Each framework in turn keeps 1 GiB more than before, and gives it back."""
    look = _on_gpu if conditions.on_gpu else _on_cpu
    return together([look(framework, conditions, workers) for framework in conditions.frameworks])


def _on_cpu(framework: str, conditions: CheckConditions, workers: Workers) -> Outcome:
    """By the system's count of the process, and by the peak that a worker's record has."""
    free_bytes = min(psutil.virtual_memory().available, host.memory_bytes())
    if free_bytes < 3 * KNOWN_BYTES:
        return could_not(f"{free_bytes / 2**30:.1f} GiB of memory are free; 3 are needed")
    with workers.started(conditions.case(), [framework], round_s=_ROUND_S) as (hand,):
        process = psutil.Process(hand.process.pid)
        peak_before_bytes = hand.ask(Do.HOLD, size_bytes=0)["host_peak_bytes"]
        before_bytes = process.memory_info().rss
        peak_bytes = hand.ask(Do.HOLD, size_bytes=KNOWN_BYTES)["host_peak_bytes"]
        held_bytes = process.memory_info().rss
        # An allocator may keep what it is given back, but then it has it for the next.
        hand.ask(Do.HOLD, size_bytes=0)
        hand.ask(Do.HOLD, size_bytes=KNOWN_BYTES)
        again_bytes = process.memory_info().rss - before_bytes
    # The peak of before may lie above what was then in use.
    peak_grown_bytes = None if peak_bytes is None else peak_bytes - before_bytes
    most_bytes = KNOWN_BYTES * (1 + WITHIN) + max(0, (peak_before_bytes or 0) - before_bytes)
    tolerance_bytes = WITHIN * KNOWN_BYTES
    return _judged(
        framework,
        [
            _Count("resident memory", held_bytes - before_bytes, KNOWN_BYTES - tolerance_bytes,
                   KNOWN_BYTES + tolerance_bytes),
            _Count("the record's peak", peak_grown_bytes, KNOWN_BYTES - tolerance_bytes, most_bytes),
            _Count("given back and taken again", again_bytes, KNOWN_BYTES - tolerance_bytes,
                   KNOWN_BYTES + tolerance_bytes),
        ],
    )  # fmt: skip


def _on_gpu(framework: str, conditions: CheckConditions, workers: Workers) -> Outcome:
    """By NVML for process and device, by the framework's allocator, and by nvidia-smi."""
    if conditions.gpu is None:
        return could_not(conditions.gpu_reason or "no GPU")
    sampler = GpuSampler(conditions.gpu)
    try:
        with workers.open(framework) as hand:
            sampler.follow(framework, hand.process.pid)
            before = _seen(sampler, hand, conditions, start=True)
            held = _seen(sampler, hand, conditions, start=False)
    finally:
        sampler.stop()
    use = sampler.use(framework)
    if use.ended_because is not None:
        return Outcome(state=State.FAILED, sentence=f"{framework}: the sampler ended: {use.ended_because}")
    grown = {name: _difference(held[name], before[name]) for name in held}
    tolerance_bytes = WITHIN * KNOWN_BYTES
    least_bytes = KNOWN_BYTES - tolerance_bytes
    device_bytes = grown["the device, by NVML"]
    return _judged(
        framework,
        [
            _Count("the allocator", grown["the allocator"], least_bytes, KNOWN_BYTES + tolerance_bytes),
            *(
                _Count(name, grown[name], least_bytes, MOST_TIMES * KNOWN_BYTES)
                for name in ("the process, by NVML", "the device, by NVML")
            ),
            _Count(
                "the device, by nvidia-smi",
                None if device_bytes is None else grown["the device, by nvidia-smi"],
                (device_bytes or 0) - _SMI_WITHIN_BYTES,
                (device_bytes or 0) + _SMI_WITHIN_BYTES,
            ),
            _Count("left when the worker had gone", use.left_bytes, 0, RELEASED_WITHIN_BYTES),
        ],
    )


def _seen(
    sampler: GpuSampler, hand: Hand, conditions: CheckConditions, *, start: bool
) -> dict[str, int | None]:
    """Everyone's count of a worker that has just started, or that has just taken the known amount."""
    sampler.begin(hand.framework)
    if start:
        hand.begin(conditions.case())
        hand.ready(conditions.case(), _ROUND_S)
        reply = hand.ask(Do.HOLD, size_bytes=0)
    else:
        reply = hand.ask(Do.HOLD, size_bytes=KNOWN_BYTES)
    sampler.end()
    use = sampler.use(hand.framework)
    allocator = reply["allocator"] or {}
    return {
        "the allocator": allocator.get("peak_in_use_bytes"),
        "the process, by NVML": use.process_peak_bytes,
        "the device, by NVML": use.device_peak_bytes,
        "the device, by nvidia-smi": smi_used_bytes(conditions),
    }


@dataclass(frozen=True, slots=True)
class _Count:
    """What somebody counted, and between which amounts it should lie; None where it is not told."""

    who: str
    counted_bytes: float | None
    least_bytes: float
    most_bytes: float

    @property
    def holds(self) -> bool | None:
        if self.counted_bytes is None:
            return None
        return self.least_bytes <= self.counted_bytes <= self.most_bytes


def _difference(now_bytes: int | None, before_bytes: int | None) -> int | None:
    return None if now_bytes is None or before_bytes is None else now_bytes - before_bytes


def _judged(framework: str, counts: list[_Count]) -> Outcome:
    readings = tuple(
        Reading(
            what=f"{framework}: {one.who}",
            value=None if one.counted_bytes is None else one.counted_bytes / 2**20,
            unit="MiB",
            allowed=f"{one.least_bytes / 2**20:.0f} to {one.most_bytes / 2**20:.0f} MiB",
        )
        for one in counts
    )
    wrong = list(_wrong(counts))
    if wrong:
        return Outcome(state=State.FAILED, sentence=f"{framework}: {', '.join(wrong)}", readings=readings)
    told = [one.who for one in counts if one.holds and one.most_bytes > KNOWN_BYTES]
    if not told:
        return could_not(f"{framework}: nobody tells its memory", readings)
    return Outcome(
        state=State.PASSED, sentence=f"{framework}: 1 GiB, as told by {', '.join(told)}", readings=readings
    )


def _wrong(counts: list[_Count]) -> Iterator[str]:
    for one in counts:
        if one.holds is False and one.counted_bytes is not None:
            yield f"{one.who} says {one.counted_bytes / 2**20:.0f} MiB of 1 GiB"
