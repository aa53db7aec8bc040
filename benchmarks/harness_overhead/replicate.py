"""One replicate: a fresh bare script and a fresh worker, whose rounds take turns at the same samples."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from benchmarks.harness_overhead.bare_process import BareProcess, Trained
from harness.engine.process import WorkerProcess
from harness.engine.rounds import Part, fastest, plan_rounds
from harness.engine.surroundings import environment
from harness.engine.turns import turns
from harness.errors import HarnessError
from harness.work.workload import MOST_EPOCHS, Case, Dataset, TrialSpec, Way, Workload
from harness.worker.protocol import Do, dump_spec

BARE: Final = "bare"
HARNESS: Final = "harness"

ROUND_S: Final = 0.25

_TIMEOUT_S: Final = 600.0

# Threads may add gradients up in another order; a step skipped or a sample swapped moves a loss by more.
_LOSS_TOLERANCE: Final = 1e-3

# Trains on samples first to last of the order.
Train = Callable[[int, int], Trained]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What is trained, by which framework in which way, and where the files are; one row of the table."""

    framework: str
    way: Way
    dataset: Dataset
    batch_size: int
    threads: int
    data_root: Path
    given: Path
    scratch: Path

    @property
    def case(self) -> Case:
        # So many epochs that a plan's first rounds are enough, whatever an epoch takes.
        workload = Workload(dataset=self.dataset, batch_size=self.batch_size, epochs=MOST_EPOCHS)
        return Case(workload=workload, device="cpu", mode=self.way.mode, update=self.way.update)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """Round `round` of both sides of a replicate: the same samples, `first` went first."""

    framework: str
    way: str
    batch_size: int
    replicate: int
    round: int
    first: str
    samples: int
    bare_s: float
    harness_s: float
    bare_cpu_s: float
    harness_cpu_s: float
    bare_loss: float
    harness_loss: float


def rounds_in(seconds: float) -> int:
    """Rounds that fill the seconds: an even number, so that each side goes first in half of them."""
    return 2 * max(1, round(seconds / ROUND_S / 2))


class Replicate:
    """Two fresh processes that train the same. Leaving the context ends both."""

    def __init__(self, setting: Setting, number: int) -> None:
        self._setting = setting
        self._number = number
        self._seed = f"{setting.framework}-{setting.way.id}-b{setting.batch_size}-r{number}"
        self._environment = environment(
            framework=setting.framework,
            device="cpu",
            threads=setting.threads,
            compile_cache=setting.scratch / "compiled",
        )
        self._open = ExitStack()
        self._trains: dict[str, Train] = {}
        self._pace: dict[str, float | None] = {}

    def __enter__(self) -> Self:
        """Start them, one after the other in random order."""
        starts = {BARE: self._start_bare, HARNESS: self._start_harness}
        with ExitStack() as started:
            for name in random.Random(self._seed).sample(sorted(starts), 2):
                self._trains[name] = starts[name](started)
            self._open = started.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._open.__exit__(*error)  # type: ignore[arg-type]

    def plan(self, count: int) -> tuple[tuple[Part, ...], ...]:
        """`count` rounds of at least `ROUND_S` at the pace that the worker has found."""
        case = self._setting.case
        return plan_rounds(case, fastest(case, [self._pace]), ROUND_S).train[:count]

    def take_turns(self, rounds: tuple[tuple[Part, ...], ...]) -> Iterator[Turns]:
        """Both sides at each round, in balanced random order.

        Raises:
            TrialError: a process did not do its part.
            HarnessError: the losses show that the two did not do the same work.
        """
        orders = turns((BARE, HARNESS), len(rounds), self._seed)
        for number, (parts, names) in enumerate(zip(rounds, orders, strict=True)):
            trained = {name: _round(self._trains[name], parts) for name in names}
            bare, worker = trained[BARE], trained[HARNESS]
            taken = Turns(
                framework=self._setting.framework,
                way=self._setting.way.id,
                batch_size=self._setting.batch_size,
                replicate=self._number,
                round=number,
                first=names[0],
                samples=sum(part.last - part.first for part in parts),
                bare_s=bare.wall_s,
                harness_s=worker.wall_s,
                bare_cpu_s=bare.cpu_s,
                harness_cpu_s=worker.cpu_s,
                bare_loss=bare.loss,
                harness_loss=worker.loss,
            )
            _require_same_work(taken)
            yield taken

    def _start_bare(self, started: ExitStack) -> Train:
        setting = self._setting
        script = started.enter_context(
            BareProcess(
                setting.framework,
                setting.given,
                batch_size=setting.batch_size,
                threads=setting.threads,
                way=setting.way.id,
                environment=self._environment,
                log_path=setting.scratch / f"{self._seed}-bare.log",
            )
        )
        script.wait()
        return script.train

    def _start_harness(self, started: ExitStack) -> Train:
        setting = self._setting
        worker = started.enter_context(
            WorkerProcess(self._environment, setting.scratch / f"{self._seed}-harness.log")
        )
        spec = TrialSpec(
            framework=setting.framework,
            case=setting.case,
            threads=setting.threads,
            data_root=str(setting.data_root),
        )
        self._pace = worker.ask(Do.START, timeout_s=_TIMEOUT_S, spec=dump_spec(spec))["pace"]

        def train(first: int, last: int) -> Trained:
            # Every epoch in the order of the first: that is the one the script is given.
            reply = worker.ask(Do.TRAIN, timeout_s=_TIMEOUT_S, epoch=0, first=first, last=last)
            return Trained(wall_s=reply["wall_s"], cpu_s=reply["cpu_s"], loss=reply["loss"])

        return train


def _round(train: Train, parts: tuple[Part, ...]) -> Trained:
    """Seconds of all parts together, and the mean loss over their samples."""
    sizes = [part.last - part.first for part in parts]
    each = [train(part.first, part.last) for part in parts]
    return Trained(
        wall_s=sum(one.wall_s for one in each),
        cpu_s=sum(one.cpu_s for one in each),
        loss=sum(one.loss * size for one, size in zip(each, sizes, strict=True)) / sum(sizes),
    )


def _require_same_work(taken: Turns) -> None:
    """Hold the losses against each other; a loss that is not a number agrees with none."""
    if not abs(taken.bare_loss / taken.harness_loss - 1) <= _LOSS_TOLERANCE:
        raise HarnessError(
            f"{taken.framework}, {taken.way}, batch {taken.batch_size}, round {taken.round}: "
            f"not the same work; the bare script's loss is {taken.bare_loss:.6g}, "
            f"the harness's {taken.harness_loss:.6g}"
        )
