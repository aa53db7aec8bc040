"""Measure a plan: each pair two fresh workers that take turns, each trial on disk before the next begins."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from harness.engine.conditions import environment
from harness.engine.pairing import turns
from harness.engine.process import WorkerProcess
from harness.engine.protocol import Do, Message, dump_spec
from harness.engine.stopping import Budget
from harness.errors import TrialError
from harness.measure.nvml import MemorySampler
from harness.plan import Pair, Plan
from harness.records import Certification, Failure, Phase, Round, Startup, Trial
from harness.workload import FRAMEWORKS, TrialSpec


class Observer(Protocol):
    """Who is told how a run goes on. Called between timed rounds only, never during one."""

    def pair_began(self, pair: Pair, *, spent_s: float, left_s: float | None) -> None: ...

    def turn_done(self, pair: Pair, *, epoch: int, epochs: int) -> None: ...

    def trial_done(self, trial: Trial) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What all trials of a run share."""

    run_id: str
    data_root: Path
    logs: Path
    compile_cache: Path
    threads: int
    timeout_s: float
    certificates: Mapping[str, Certification]


class _Side:
    """One trial while it runs: keeps what was measured, and stays silent once it has failed."""

    def __init__(self, framework: str, pair: Pair, conditions: Conditions) -> None:
        self.framework = framework
        self.trial_id = f"{conditions.run_id}-{pair.id}-{framework}"
        self._pair = pair
        self._conditions = conditions
        self._log_path = conditions.logs / f"{self.trial_id}.log"
        self._worker: WorkerProcess | None = None
        self._sampler: MemorySampler | None = None
        self._started_at = datetime.now(UTC)
        self._begin_s = time.monotonic()
        self._wall_s = 0.0
        self._startup: Startup | None = None
        self._started: Message = {}
        self._finished: Message = {}
        self._rounds: list[Round] = []
        self.failure: Failure | None = None

    def start(self) -> None:
        device, conditions = self._pair.case.device, self._conditions
        spec = TrialSpec(
            framework=self.framework,
            case=self._pair.seeded_case,
            threads=conditions.threads,
            data_root=str(conditions.data_root),
        )
        self._worker = WorkerProcess(
            environment(device=device, threads=conditions.threads, compile_cache=conditions.compile_cache),
            self._log_path,
        )
        self._sampler = MemorySampler(device, self._worker.pid)
        reply = self._ask(Do.START, spec=dump_spec(spec))
        if reply is not None:
            self._started = reply
            self._startup = Startup(**reply["startup"])

    def train(self, epoch: int, turn: int) -> None:
        self._round(Phase.TRAIN, self._ask(Do.TRAIN, epoch=epoch), epoch, turn)

    def evaluate(self, epoch: int, turn: int) -> None:
        self._round(Phase.EVALUATE, self._ask(Do.EVALUATE), epoch, turn)

    def finish(self) -> None:
        self._finished = self._ask(Do.FINISH) or {}

    def fail(self, kind: str, reason: str) -> None:
        self.failure = self.failure or Failure(kind=kind, reason=reason)

    def close(self) -> None:
        if self._sampler is not None:
            self._sampler.stop()
        if self._worker is not None:
            if self.failure is not None:
                self._worker.kill()
            self._worker.close()
        self._wall_s = time.monotonic() - self._begin_s

    def _ask(self, do: Do, **details: object) -> Message | None:
        if self.failure is not None or self._worker is None:
            return None
        try:
            return self._worker.ask(do, timeout_s=self._conditions.timeout_s, **details)
        except TrialError as error:
            self.fail(error.kind, str(error))
            return None

    def _round(self, phase: Phase, reply: Message | None, epoch: int, turn: int) -> None:
        if reply is not None:
            self._rounds.append(Round(phase=phase, index=epoch, epoch=epoch + 1, turn=turn, **reply))

    def trial(self) -> Trial:
        gpu_peak_bytes, gpu_peak_reason = (
            self._sampler.peak() if self._sampler else (None, "the worker did not start")
        )
        return Trial(
            run_id=self._conditions.run_id,
            pair_id=f"{self._conditions.run_id}-{self._pair.id}",
            trial_id=self.trial_id,
            case=self._pair.case,
            framework=self.framework,
            replicate=self._pair.replicate,
            seed=self._pair.seed,
            threads=self._conditions.threads,
            started_at=self._started_at,
            wall_s=self._wall_s,
            startup=self._startup,
            rounds=tuple(self._rounds),
            parameter_count=self._started.get("parameter_count"),
            host_peak_bytes=self._finished.get("host_peak_bytes"),
            gpu_peak_bytes=gpu_peak_bytes,
            gpu_peak_reason=gpu_peak_reason,
            effective=self._started.get("effective", {}),
            digests={**self._started.get("digests", {}), **self._finished.get("digests", {})},
            certificate=self._conditions.certificates.get(self._pair.case.id),
            failure=self.failure,
            log_path=str(self._log_path),
        )


def run_pair(pair: Pair, conditions: Conditions, observer: Observer) -> tuple[Trial, ...]:
    """Measure one replicate. A side that fails leaves the other to finish alone.

    Interrupted, it still returns what both sides have measured, their trials marked so, through
    `Interrupted.trials`.
    """
    sides = {framework: _Side(framework, pair, conditions) for framework in FRAMEWORKS}
    epochs = pair.case.workload.epochs
    seed = f"{pair.case.id}:{pair.seed}"
    order = random.Random(seed).sample(FRAMEWORKS, len(FRAMEWORKS))  # noqa: S311  (order, not secrecy)
    try:
        for framework in order:
            sides[framework].start()
        for epoch, names in enumerate(turns((FRAMEWORKS[0], FRAMEWORKS[1]), epochs, seed)):
            for turn, name in enumerate(names):
                sides[name].train(epoch, turn)
            for turn, name in enumerate(names):
                sides[name].evaluate(epoch, turn)
            observer.turn_done(pair, epoch=epoch + 1, epochs=epochs)
        for side in sides.values():
            side.finish()
    except KeyboardInterrupt:
        for side in sides.values():
            side.fail("interrupted", "the run was interrupted before this trial finished")
            side.close()
        raise Interrupted(tuple(side.trial() for side in sides.values())) from None
    for side in sides.values():
        side.close()
    return tuple(side.trial() for side in sides.values())


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a pair; carries what the pair had measured."""

    def __init__(self, trials: tuple[Trial, ...]) -> None:
        super().__init__()
        self.trials = trials


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run ended, in the words of the `runs` table: `status` is finished or interrupted."""

    status: str
    trials_ok: int
    trials_failed: int
    stopped_because: str


def measure(
    plan: Plan,
    *,
    run_id: str,
    data_root: Path,
    logs: Path,
    certificates: Mapping[str, Certification],
    save: Callable[[Trial], None],
    observer: Observer,
) -> Outcome:
    """Run the plan's pairs until it or its budget is used up; every trial is saved as it ends.

    `certificates` maps the cases' ids to what their trials are stored under.
    """
    settings = plan.settings
    budget = Budget(settings.budget_s)
    counts = {True: 0, False: 0}

    def keep(trials: tuple[Trial, ...]) -> None:
        for trial in trials:
            save(trial)
            counts[trial.failure is None] += 1
            observer.trial_done(trial)

    with tempfile.TemporaryDirectory(prefix="evenmatch-", ignore_cleanup_errors=True) as cache:
        conditions = Conditions(
            run_id=run_id,
            data_root=data_root,
            logs=logs,
            compile_cache=Path(cache),
            threads=settings.threads,
            timeout_s=settings.timeout_s,
            certificates=certificates,
        )
        status = "finished"
        because = f"every case has its {settings.replicates} replicate{'s' * (settings.replicates != 1)}"
        pairs = list(plan.pairs())
        if not pairs:
            because = "no case had a certificate that holds"
        for done, pair in enumerate(pairs):
            if not budget.allows(pair.case.id):
                because = f"the time budget of {settings.budget_s:g} s was spent"
                continue
            left_s = budget.time_left_s([one.case.id for one in pairs[done:]])
            observer.pair_began(pair, spent_s=budget.spent_s, left_s=left_s)
            begin_s = time.monotonic()
            try:
                keep(run_pair(pair, conditions, observer))
            except Interrupted as interrupted:
                keep(interrupted.trials)
                status, because = "interrupted", "the user interrupted it"
                break
            budget.record(pair.case.id, time.monotonic() - begin_s)
    return Outcome(
        status=status, trials_ok=counts[True], trials_failed=counts[False], stopped_because=because
    )
