"""All shards of a plan measured elsewhere: sent, watched by what they leave on disk, brought in."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Protocol

import harness
from harness.errors import ResultsUnusable
from harness.launchers import notes, registry
from harness.launchers.record import Errand, Fleet, Launcher, Seen, Standing, Task
from harness.launchers.rules import Decision, Step, decide
from harness.measure.variables import told_on
from harness.sessions.sharding import Planned, read_plan
from harness.store.holding import held, is_held
from harness.store.merging import Brought, bring
from harness.store.progress import Progress, progress
from harness.store.writer import Store

# Looked again so soon where something has just changed, and ever later, but no later than this.
_SOON_S: Final = 0.2
_LATEST_S: Final = 10.0
_GROWTH: Final = 1.5

# Runs a module of this very package, whatever a host has installed, and wherever the engine works there.
_THIS_CODE: Final = (
    sys.executable, "-P", str(Path(harness.__file__).absolute().parent / "worker" / "isolated.py")
)  # fmt: skip


class State(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    GIVEN_UP = "given up"


_OVER: Final = frozenset({State.FINISHED, State.GIVEN_UP})


@dataclass(slots=True, kw_only=True)
class Charge:
    """A shard and how it stands; `says` is the last that went wrong."""

    planned: Planned
    state: State = State.WAITING
    host: str | None = None
    matches: int = 0
    status: int | None = None
    says: str = ""
    sending: int = 0
    failures: int = 0
    sign: object = None
    sign_at_s: float = 0.0

    @property
    def number(self) -> int:
        return self.planned.shard.number

    @property
    def run_id(self) -> str:
        return self.planned.shard.run_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What is wanted: a plan's folder, a launcher with its settings, where the shards' folders are to lie.

    A shard may be begun `tries` times, but for what was preempted; one that shows no sign of life for
    `silent_s` is lost.
    """

    plan: Path
    output: Path
    launcher: Launcher
    settings: Any
    tries: int
    silent_s: float
    data_dir: Path | None


class LaunchObserver(Protocol):
    """Who is told how it goes."""

    def looked(self, charges: Sequence[Charge]) -> None:
        """All shards have been looked at."""

    def happened(self, charge: Charge, what: str) -> None:
        """Something that a reader should know of a shard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launched:
    """What came of a plan: its shards, and what was brought in."""

    plan_id: str
    charges: tuple[Charge, ...]
    brought: tuple[Brought, ...]

    @property
    def unfinished(self) -> tuple[Charge, ...]:
        return tuple(one for one in self.charges if one.state is not State.FINISHED)


def launch(orders: Orders, results: Path, observer: LaunchObserver) -> Launched:
    """Have every shard measured that is not finished, and bring what there is into the results.

    Raises:
        UsageError: a plan or a folder that cannot be used, or an engine that is not here.
        LaunchFailed: the engine takes no shard.
    """
    planned = read_plan(orders.plan)
    plan_id = planned[0].shard.plan_id
    own = orders.output / notes.LAUNCH
    Store(results).prepare()
    _make(own)
    charges = [Charge(planned=one) for one in planned]
    with held(own, plan_id):
        for charge in charges:
            if _progress(orders.output, charge).is_finished:
                charge.state = State.FINISHED
        if any(charge.state is not State.FINISHED for charge in charges):
            errand = Errand(
                plan_id=plan_id, folder=(own / orders.launcher.name).absolute(), tries=orders.tries
            )
            with registry.opened(orders.launcher, errand, orders.settings) as fleet:
                _Watch(orders, charges, fleet, observer).until_all_are_over()
        brought = tuple(one for charge in charges for one in _bring(orders.output, charge, results))
    return Launched(plan_id=plan_id, charges=tuple(charges), brought=brought)


@dataclass(slots=True)
class _Watch:
    orders: Orders
    charges: list[Charge]
    fleet: Fleet
    observer: LaunchObserver
    lost: set[str] = field(default_factory=set)

    def until_all_are_over(self) -> None:
        self._send([one for one in self.charges if one.state not in _OVER])
        pause_s = _SOON_S
        while any(one.state not in _OVER for one in self.charges):
            before = self._picture()
            self._look()
            self.observer.looked(self.charges)
            pause_s = _SOON_S if self._picture() != before else min(pause_s * _GROWTH, _LATEST_S)
            time.sleep(pause_s)

    def _picture(self) -> list[object]:
        return [(one.state, one.host, one.matches, one.sending) for one in self.charges]

    def _send(self, charges: Sequence[Charge]) -> None:
        """Send shards, each with a number of its own for this sending."""
        for charge in charges:
            earlier = notes.read(self.orders.output, charge.number)
            charge.sending = max([charge.sending, *(one.note.sending for one in earlier)]) + 1
            charge.state, charge.host = State.WAITING, None
            self._sign(charge, None)
        tasks = [
            Task(number=one.number, command=_command(self.orders, one), host=self._begun_on(one))
            for one in charges
        ]
        self.fleet.send(tasks, shunned=frozenset(self.lost))

    def _begun_on(self, charge: Charge) -> str | None:
        """The host that has measured most of a shard, unless it is lost."""
        hosts = [one for one in _hosts(self.orders.output, charge) if one.name not in self.lost]
        return max(hosts, key=lambda one: progress(one, charge.run_id).matches).name if hosts else None

    def _look(self) -> None:
        seen = self.fleet.look()
        again = []
        for charge in self.charges:
            if charge.state in _OVER:
                continue
            decision = self._decide(charge, seen.get(charge.number))
            if decision.step is Step.FINISHED:
                charge.state = State.FINISHED
            elif decision.step is not Step.LEAVE and self._takes_again(charge, decision):
                again.append(charge)
        if again:
            self._send(again)

    def _decide(self, charge: Charge, seen: Seen | None) -> Decision:
        here = [one for one in notes.read(self.orders.output, charge.number)
                if one.note.sending == charge.sending]  # fmt: skip
        attempt = here[-1] if here else None
        if seen is not None:
            charge.state = State.WAITING if seen.standing is Standing.WAITING else State.RUNNING
        standing = None if seen is None else seen.standing
        waits = standing is Standing.WAITING
        charge.host = seen.host if seen and not waits else None
        if attempt is not None:
            charge.status = attempt.note.status
            charge.host = charge.host or (None if waits else attempt.note.host)
        self._sign(charge, None if waits else (attempt and (attempt.path, attempt.moved_ns), standing))
        far = _progress(self.orders.output, charge)
        charge.matches = far.matches
        return decide(
            seen=seen,
            attempt=attempt,
            is_finished=far.is_finished,
            quiet_s=time.monotonic() - charge.sign_at_s,
            silent_s=self.orders.silent_s,
        )

    def _takes_again(self, charge: Charge, decision: Decision) -> bool:
        """Take a shard back; whether it is to be sent once more."""
        self.fleet.recall(charge.number)
        if decision.lost is not None:
            self.lost.add(decision.lost)
        charge.says = decision.why
        charge.failures += decision.counts
        if decision.step is Step.GIVE_UP or charge.failures >= self.orders.tries:
            charge.state = State.GIVEN_UP
            self.observer.happened(charge, f"given up: {decision.why}")
            return False
        self.observer.happened(charge, f"{decision.why}; sent again")
        return True

    def _sign(self, charge: Charge, sign: object) -> None:
        """Note a sign of life: what is other than it was, or a wait, which is none's fault."""
        if sign is None or sign != charge.sign:
            charge.sign, charge.sign_at_s = sign, time.monotonic()


def _command(orders: Orders, charge: Charge) -> tuple[str, ...]:
    """What measures a shard on a host, by paths that are the same there."""
    told = told_on(os.environ, charge.planned.pass_env)
    data = () if orders.data_dir is None else ("--data-dir", str(orders.data_dir.absolute()))
    return (
        *(*_THIS_CODE, "harness.launchers.attempt"),
        *(str(orders.output.absolute()), str(charge.number), str(charge.sending), str(Path.cwd())),
        *(f"{name}={value}" for name, value in sorted(told.items())),
        "--",
        *(*_THIS_CODE, "harness", "run-shard", str(charge.planned.path.absolute()), "--wait"),
        *data,
    )


def _hosts(output: Path, charge: Charge) -> list[Path]:
    """The results folders of a shard, one a host that has begun it."""
    place = notes.results_of(output, charge.number, "")
    return sorted(one for one in place.glob("*") if (one / "runs").is_dir())


def _progress(output: Path, charge: Charge) -> Progress:
    """How far the host has come that has come farthest."""
    found = [progress(one, charge.run_id) for one in _hosts(output, charge)]
    none = Progress(matches=0, is_finished=False)
    return max(found, key=lambda one: (one.is_finished, one.matches), default=none)


def _bring(output: Path, charge: Charge, results: Path) -> list[Brought]:
    """Bring in what was measured of a shard; of several attempts the one that measured most will count."""
    found = []
    for folder in _hosts(output, charge):
        # A host that was given up may go on with what is not needed any more.
        if (folder / "runs" / f"{charge.run_id}.parquet").is_file() and not is_held(folder, charge.run_id):
            found += bring(folder, results)
    return found


def _make(folder: Path) -> None:
    try:
        (folder / "runs").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResultsUnusable(f"OUTPUT={folder}: cannot be written ({error.strerror or error})") from error
