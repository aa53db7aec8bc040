"""The steps of a self-check in order: each with its own time, none stopping the others."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from harness.engine.selfchecking import clocks, memory, proofs, shortage, speed, visible
from harness.engine.selfchecking.outcome import Checked, Outcome, State, could_not
from harness.engine.selfchecking.workers import CheckConditions, Workers
from harness.errors import HarnessError, WorkerSilent
from harness.measure import host

# What an answer that comes at the last moment takes to be judged, and a worker to be ended.
_GRACE_S: Final = 15.0

# A step keeps two processes at work at most; so many a core, and most of the time is others'.
_OVERLOADED: Final = 2

# With less than this left of the whole time, nothing is begun.
_LEAST_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One question about the harness. `needs_gpu` where a CPU has nothing to be asked."""

    name: str
    title: str
    limit_s: float
    run: Callable[[CheckConditions, Workers], Outcome]
    needs_gpu: bool = False


# What is cheap, and what others stand on, comes first; what takes longest last.
STEPS: Final = (
    Step(name="installed", title="Installed and visible", limit_s=150, run=visible.installed),
    Step(name="driver", title="What asking the driver costs", limit_s=30, run=visible.asking, needs_gpu=True),
    Step(name="clocks", title="Clocks of host and workers", limit_s=100, run=clocks.clocks),
    Step(name="events", title="The device's clock", limit_s=100, run=clocks.events, needs_gpu=True),
    Step(name="memory", title="A known GiB", limit_s=120, run=memory.known_gib),
    Step(name="shortage", title="A forced shortage of memory", limit_s=180, run=shortage.out_of_memory),
    Step(name="energy", title="Energy and power", limit_s=100, run=clocks.energy, needs_gpu=True),
    Step(name="ways", title="The same steps in two modes", limit_s=120, run=proofs.agreeing),
    Step(name="watching", title="Watched and unwatched", limit_s=60, run=speed.watched),
    Step(name="pauses", title="Pauses and clocks", limit_s=180, run=speed.pauses),
    Step(name="paired", title="Alone and paired", limit_s=180, run=speed.paired),
    Step(name="certificates", title="Certificates", limit_s=300, run=proofs.certificates),
    Step(name="compiled", title="Certificates, compiled", limit_s=300, run=proofs.compiled_certificates),
)


class CheckObserver(Protocol):
    """Who is told how a self-check goes on."""

    def step_began(self, step: Step, limit_s: float) -> None: ...

    def step_done(self, checked: Checked) -> None: ...


def check(
    steps: Sequence[Step], conditions: CheckConditions, observer: CheckObserver, *, budget_s: float
) -> Iterator[Checked]:
    """Run the steps one after another, for `budget_s` seconds in all; what a step raises is its failure."""
    until_s = time.monotonic() + budget_s
    for step in steps:
        limit_s = min(step.limit_s, until_s - time.monotonic() - _GRACE_S)
        observer.step_began(step, limit_s)
        began_s = time.monotonic()
        outcome = _without(step, conditions, limit_s, budget_s) or _within(step, conditions, limit_s)
        checked = Checked(
            name=step.name,
            title=step.title,
            outcome=outcome,
            wall_s=time.monotonic() - began_s,
            limit_s=max(0.0, limit_s),
        )
        observer.step_done(checked)
        yield checked


def _without(step: Step, conditions: CheckConditions, limit_s: float, budget_s: float) -> Outcome | None:
    """Why a step is not begun at all; None where it is."""
    if step.needs_gpu and conditions.gpu is None:
        return could_not(conditions.gpu_reason or "no GPU")
    if limit_s < _LEAST_S:
        return could_not(f"the {budget_s:g} s of the whole were over")
    return None


def _within(step: Step, conditions: CheckConditions, limit_s: float) -> Outcome:
    """Run a step in a thread of its own; where it does not end by itself, its workers are ended for it."""
    workers = Workers(conditions, step.name, limit_s)
    found: list[Outcome] = []

    def run() -> None:
        try:
            found.append(step.run(conditions, workers))
        except WorkerSilent as error:
            found.append(_silent(str(error)))
        except HarnessError as error:
            found.append(Outcome(state=State.FAILED, sentence=str(error)))
        except Exception as error:  # noqa: BLE001  (whatever a step raises is that step's failure)
            log = conditions.folder / "logs" / f"{step.name}-traceback.log"
            log.write_text(traceback.format_exc(), encoding="utf-8", errors="replace")
            found.append(Outcome(state=State.FAILED, sentence=f"{type(error).__name__}: {error}"))

    # A daemon: a driver that never answers would keep the whole from ending.
    thread = threading.Thread(target=run, daemon=True)
    try:
        thread.start()
        thread.join(limit_s + _GRACE_S)
    finally:
        workers.kill()
    thread.join(_GRACE_S)
    if found:
        return found[0]
    return _silent(f"it did not end within {limit_s:.0f} s")


def _silent(sentence: str) -> Outcome:
    """What took several times as long as it may: a failure, but where others have the processors."""
    load, cores = host.load_1min(), host.usable_cores()
    if load is not None and load > _OVERLOADED * cores:
        return could_not(f"{sentence}, on a machine with {load:.0f} processes for {cores} cores")
    return Outcome(state=State.FAILED, sentence=sentence)
