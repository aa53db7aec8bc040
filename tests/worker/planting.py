"""How a fault gets into a real adapter, from the start or from a later epoch on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.settings.presets import FRAMEWORKS
from harness.work.workload import Mode

LATE_EPOCH = 2

STEPPING = frozenset({Mode.LOOP, Mode.EAGER, Mode.COMPILED})
EVERY = frozenset({*STEPPING, Mode.IDIOMATIC, Mode.GRAPH})


@dataclass
class Fault:
    """`plant` changes an adapter before it builds; `modes` are those in which it can, of these frameworks."""

    plant: Any
    modes: frozenset[Mode] = EVERY
    frameworks: tuple[str, ...] = FRAMEWORKS


def wrapped(adapter, name, around):
    """Put `around(original, *arguments)` in a method's place."""
    original = getattr(adapter, name)
    setattr(adapter, name, lambda *given, **named: around(original, *given, **named))


def late(adapter, change):
    """Have `change` made once, at the beginning of the epoch that is late, and of what then follows.

    Epochs are told by the samples that were handed over since the trial was paced.
    """
    seen = {"samples": 0, "changed": False}
    work = adapter.workload

    def around(begin_epoch, order):
        if not seen["changed"] and seen["samples"] >= (LATE_EPOCH - 1) * work.train_samples:
            seen["changed"] = True
            change()
        seen["samples"] += len(order)
        begin_epoch(order)

    def afresh(reset):
        seen["samples"] = 0
        reset()

    wrapped(adapter, "begin_epoch", around)
    wrapped(adapter, "reset", afresh)
