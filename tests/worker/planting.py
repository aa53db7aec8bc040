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

    Epochs are told by the samples that were handed over since the trial began, which is when its state is
    kept for the first time: pacing, before it, is no part of it. Nor is what is looked at in between, and a
    change that is put back with the state is made again.
    """
    seen = {"began": False, "samples": 0, "changed": False}
    work = adapter.workload

    def around(begin_epoch, order):
        if seen["began"]:
            if not seen["changed"] and seen["samples"] >= (LATE_EPOCH - 1) * work.train_samples:
                seen["changed"] = True
                change()
            seen["samples"] += len(order)
        begin_epoch(order)

    def kept(keep):
        seen["began"] = True
        return keep(), dict(seen)

    def back(put_back, state):
        put_back(state[0])
        seen.update(state[1])

    for name, instead in (("begin_epoch", around), ("keep", kept), ("put_back", back)):
        wrapped(adapter, name, instead)
