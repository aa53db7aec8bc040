"""What all steps of a self-check share, and the workers that one of them has."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from harness.engine.cores import drawn, keep
from harness.engine.process import WorkerProcess
from harness.engine.rounds import Part, fastest, plan_rounds
from harness.engine.surroundings import environment
from harness.errors import WorkerDied
from harness.measure.nvml import Gpu
from harness.settings.config import Settings
from harness.settings.presets import FRAMEWORKS
from harness.work.workload import MOST_EPOCHS, Case, Dataset, Mode, Precision, TrialSpec, Workload
from harness.worker.protocol import Do, Message, dump_spec

# So few that an epoch of any mode takes a second or so; its last batch is a partial one.
TRAIN_SAMPLES: Final = 8_032
BATCH_SIZE: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckConditions:
    """What all steps share. Of the frameworks that were asked for, `frameworks` are those that are installed,
    one at least, and `missing` the others.

    `gpu` is the device behind the name `device`, None on a CPU or where the driver does not tell, which
    `gpu_reason` then says. Logs and whatever else a step leaves go to `folder`.
    """

    device: str
    gpu: Gpu | None
    gpu_reason: str | None
    frameworks: tuple[str, ...]
    threads: int
    data_root: Path
    folder: Path
    compile_cache: Path
    missing: tuple[str, ...] = ()
    passed: tuple[str, ...] = ()

    @classmethod
    def on_the_cpu(cls, settings: Settings, data_root: Path, folder: Path) -> Self:
        """For workers of both frameworks outside of a self-check; makes the folder of their logs."""
        (folder / "logs").mkdir()
        return cls(
            device="cpu",
            gpu=None,
            gpu_reason=None,
            frameworks=FRAMEWORKS,
            threads=settings.threads,
            data_root=data_root,
            folder=folder,
            compile_cache=folder,
        )

    @property
    def on_gpu(self) -> bool:
        return self.device != "cpu"

    @property
    def seated(self) -> tuple[str, str]:
        """A framework for each of two seats: the one that is there stands in for a missing one."""
        return self.frameworks[0], self.frameworks[-1]

    def case(
        self,
        mode: Mode = Mode.LOOP,
        precision: Precision = Precision.FP32,
        *,
        epochs: int = MOST_EPOCHS,
        train_samples: int = TRAIN_SAMPLES,
        dropout_rate: float = 0.2,
    ) -> Case:
        """A case on this device, on made-up images: no step depends on a network for its data."""
        workload = Workload(
            dataset=Dataset.SYNTHETIC,
            batch_size=BATCH_SIZE,
            epochs=epochs,
            precision=precision,
            train_samples=train_samples,
            dropout_rate=dropout_rate,
        )
        return Case(workload=workload, device=self.device, mode=mode)

    def spec(self, framework: str, case: Case) -> TrialSpec:
        return TrialSpec(
            framework=framework, case=case, threads=self.threads, data_root=str(self.data_root.absolute())
        )


class Workers:
    """The workers of one step: each has to answer before the step's time is up, and none outlives it."""

    def __init__(self, conditions: CheckConditions, step: str, limit_s: float) -> None:
        self._conditions = conditions
        self._step = step
        self._until_s = time.monotonic() + limit_s
        self._open: list[WorkerProcess] = []
        self._opened = 0
        self._over = False
        # As those of a match do, all share a core where each has one thread.
        alone = conditions.threads == 1 and not conditions.on_gpu
        self._cores = drawn(1, random.Random(step)) if alone else frozenset[int]()  # noqa: S311  (no secret)

    def left_s(self) -> float:
        """Seconds that the step still has, as they are told; a little above 0 when it has none."""
        return max(0.001, round(self._until_s - time.monotonic(), 1))

    @contextmanager
    def open(self, framework: str) -> Iterator[Hand]:
        """A fresh worker, told nothing yet.

        Raises:
            WorkerDied: the step's time is over.
        """
        conditions = self._conditions
        surroundings = environment(
            framework=framework,
            device=conditions.device,
            threads=conditions.threads,
            compile_cache=conditions.compile_cache,
            passed=conditions.passed,
        )
        if self._over:
            raise WorkerDied("the step's time was over before this worker began")
        self._opened += 1
        log = conditions.folder / "logs" / f"{self._step}-{self._opened:02}-{framework}.log"
        with WorkerProcess(surroundings, log) as process:
            self._open.append(process)
            try:
                yield Hand(framework, process, self, conditions)
            finally:
                self._open.remove(process)

    @contextmanager
    def started(self, case: Case, frameworks: Sequence[str], *, round_s: float) -> Iterator[list[Hand]]:
        """A worker a framework, started at once, with rounds of at least `round_s` ready."""
        with ExitStack() as stack:
            hands = [stack.enter_context(self.open(framework)) for framework in frameworks]
            for hand in hands:
                hand.begin(case)
            for hand in hands:
                hand.ready(case, round_s)
                if self._cores:
                    keep(hand.process.pid, self._cores)
            yield hands

    def kill(self) -> None:
        """End them all, and begin no more; whoever waits for one of them hears that it died."""
        self._over = True
        for process in list(self._open):
            process.kill()


class Hand:
    """One worker of a step."""

    def __init__(
        self, framework: str, process: WorkerProcess, workers: Workers, conditions: CheckConditions
    ) -> None:
        self.framework = framework
        self.process = process
        self._workers = workers
        self._conditions = conditions
        self._parts: tuple[Part, ...] = ()

    def ask(self, do: Do, **details: object) -> Message:
        """Raises what `WorkerProcess.ask` raises; there is as much time as the step has left."""
        return self.process.ask(do, timeout_s=self._workers.left_s(), **details)

    def begin(self, case: Case) -> None:
        """Tell it to start on a case; `ready` waits for it."""
        self.process.tell(Do.START, spec=dump_spec(self._conditions.spec(self.framework, case)))

    def ready(self, case: Case, round_s: float) -> None:
        """Wait for the answer to a start, and plan the rounds."""
        reply = self.process.hear(Do.START, timeout_s=self._workers.left_s())
        self._parts = plan_rounds(case, fastest(case, [reply["pace"]]), round_s).train[0]

    def train(self) -> list[Message]:
        """One training round, always on the same samples: an answer for each of its parts."""
        return [
            self.ask(Do.TRAIN, epoch=part.epoch, first=part.first, last=part.last) for part in self._parts
        ]

    def train_s(self) -> float:
        """Seconds that one training round took on the worker's clock."""
        return float(sum(reply["wall_s"] for reply in self.train()))
