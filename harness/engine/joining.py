"""What a worker answered about the parts of a round, as one round."""

from __future__ import annotations

from collections.abc import Sequence

from harness.worker.protocol import Message


def joined(replies: Sequence[Message]) -> Message:
    """The parts of a round as one: sums, and the loss averaged over all samples."""
    first = replies[0]
    if len(replies) == 1:
        return first
    samples = sum(reply["samples"] for reply in replies)
    sums = ("wall_s", "cpu_s", "samples", "steps", "idle_cpu_s")
    devices_s = [reply["device_s"] for reply in replies]
    noise = [reply["disturbance"] for reply in replies]
    return first | {name: sum(reply[name] for reply in replies) for name in sums} | {
        "loss": sum(reply["loss"] * reply["samples"] for reply in replies) / samples,
        "device_s": _added(devices_s),
        "disturbance": {name: _added([one[name] for one in noise]) for name in noise[0]}
        | {"frequency_hz": noise[-1]["frequency_hz"]},
    }  # fmt: skip


def _added(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None
