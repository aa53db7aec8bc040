"""One trial while it runs, as its parent sees it."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from harness.engine.conditions import Conditions
from harness.engine.cores import keep
from harness.engine.joining import joined
from harness.engine.limits import limit_s, pace_of, require_numbers, seconds
from harness.engine.process import WorkerProcess
from harness.engine.rounds import Part
from harness.engine.surroundings import environment
from harness.engine.warming import marked
from harness.errors import OutOfMemory, ProtocolError, TrialError, WorkerDied
from harness.measure import host
from harness.measure.disturbance import mark, rounded_up
from harness.measure.gpu import GpuSampler, Turn, steady_energy_j, summarised
from harness.settings.matches import Match
from harness.work.records import (
    AllocatorUse,
    Certification,
    Disturbance,
    EnergyBlock,
    Failure,
    Latency,
    Peak,
    Phase,
    Role,
    Round,
    Startup,
    Trial,
)
from harness.work.workload import TrialSpec
from harness.worker.protocol import Do, Message, dump_spec


class Seat:
    """A contender in its match: keeps what was measured, and stays silent once it has failed.

    `number` is its place among the match's contenders, `part` that of the match among those that memory made
    of it.
    """

    def __init__(
        self, number: int, match: Match, conditions: Conditions, gpu: GpuSampler | None = None, part: int = 0
    ) -> None:
        self.number = number
        self._gpu = gpu
        self.contender = match.contenders[number]
        self.case = self.contender.case
        self._match_id = f"{conditions.run_id}-{match.id}" + (f"-part{part}" if part else "")
        self.trial_id = f"{self._match_id}-{number}-{self.contender.framework}"
        self._planted_share = match.planted_share if number == match.seats[-1] else 0.0
        self._match = match
        self._part = part
        self._conditions = conditions
        self._log_path = conditions.logs / f"{self.trial_id}.log"
        self._worker: WorkerProcess | None = None
        self._started_at = datetime.now(UTC)
        self._begin_s = time.monotonic()
        self._wall_s = 0.0
        self._startup: Startup | None = None
        self._started: Message = {}
        self._pace: dict[str, float | None] | None = None
        self._finished: Message = {}
        self._turn: Turn = ()
        self._rounds: list[Round] = []
        self._latencies: list[Latency] = []
        self._energy: list[EnergyBlock] = []
        self._cores: str | None = None
        self._peak: Peak | None = None
        self.failure: Failure | None = None

    @property
    def resident_bytes(self) -> int | None:
        """What its worker and the processes below it hold of the host's memory now; None without one."""
        return None if self._worker is None else host.resident_bytes(self._worker.pid)

    @property
    def device_bytes(self) -> int | None:
        """By how much the GPU's memory has grown in its turns; None without a GPU that tells."""
        return None if self._gpu is None else self._gpu.use(self._owner).device_peak_bytes

    @property
    def _owner(self) -> str:
        """What the GPU's sampler knows it by."""
        return str(self.number)

    def start(self) -> None:
        """Start the worker and tell it what to do; `wait` until it is ready."""
        conditions = self._conditions
        device = self.case.device
        if device in conditions.gpus:
            # By UUID: should one GPU be lost during a run, places would count differently.
            device = conditions.gpus[device].uuid
        spec = TrialSpec(
            framework=self.contender.framework,
            case=self._match.seeded(self.case),
            threads=conditions.threads,
            data_root=str(conditions.data_root.absolute()),
            planted_share=self._planted_share,
            repeated=self._match.repeated,
        )
        surroundings = environment(
            framework=self.contender.framework,
            device=device,
            threads=conditions.threads,
            compile_cache=conditions.compile_cache,
            passed=conditions.passed,
        )
        try:
            self._worker = self._begun(device, surroundings)
        except TrialError as error:
            self.fail(error.kind, str(error))
            return
        except OSError as error:  # no room for its log, no process or pipe to be had
            self.fail(WorkerDied.kind, f"it could not be started: {error.strerror or error}")
            return
        if self._gpu is not None:
            self._gpu.follow(self._owner, self._worker.pid)
            self._gpu.begin(self._owner)
        try:
            self._worker.tell(Do.START, spec=dump_spec(spec))
        except TrialError as error:
            self.fail(error.kind, str(error))

    def _begun(self, device: str, surroundings: Mapping[str, str]) -> WorkerProcess:
        """A fresh process, or one that has its import behind it where speed is not measured."""
        conditions = self._conditions
        if self._match.role not in conditions.forked:
            return WorkerProcess(surroundings, self._log_path)
        return conditions.servers.worker(self.contender.framework, device, surroundings, self._log_path)

    def wait(self) -> None:
        reply = self._hear(Do.START, self._conditions.timeout_s)
        if self._gpu is not None:
            self._gpu.end()
        if reply is not None:
            with self._understood(Do.START):
                require_numbers(reply["startup"], *reply["startup"])
                self._startup = Startup(**reply["startup"])
                self._pace = pace_of(reply)
                self._started = reply

    @property
    def pace(self) -> dict[str, float | None] | None:
        """What the worker says of its speed; None when it did not start."""
        return self._pace

    def plan(self, *, samples: int, evaluations: int, cores: Collection[int] = ()) -> None:
        """Tell the worker how many samples it will train, how often it will be asked to evaluate, and where.

        It is kept on these cores, if there are any and the system lets; in its trial is which.
        """
        kept = cores if self._worker is not None and cores and keep(self._worker.pid, cores) else ()
        self._cores = ",".join(map(str, sorted(kept))) or None
        self._ask(Do.PLAN, samples=samples, evaluations=evaluations, cores=sorted(kept))

    def learn(self, parts: Sequence[Part]) -> None:
        """Train on end, the test set seen once after each epoch: nobody waits for a turn."""
        for part in parts:
            self.train((part,), place=0, passes=1)

    def train(self, parts: tuple[Part, ...], place: int, passes: int = 0) -> None:
        """One training round; each epoch that it completes is evaluated in `passes` passes, off its clock."""
        replies, turns, evaluations = [], [], []
        for part in parts:
            reply = self._ask(Do.TRAIN, epoch=part.epoch, first=part.first, last=part.last)
            if reply is None:
                break
            replies.append(reply)
            turns.append(self._turn)
            if passes and part.ends_epoch(self.case.workload):
                evaluation = self._ask(Do.EVALUATE, passes=passes)
                evaluations.append((part.epoch, evaluation, self._turn))
        if replies:
            epoch = parts[len(replies) - 1].epoch
            with self._understood(Do.TRAIN):
                self._round(Phase.TRAIN, joined(replies), turns, epoch=epoch, place=place)
        for epoch, evaluation, watched in evaluations:
            if evaluation is not None:
                with self._understood(Do.EVALUATE):
                    self._round(Phase.EVALUATE, evaluation, [watched], epoch=epoch, place=place)

    def evaluate(self, place: int, passes: int) -> None:
        """One evaluation round, wherever training has come to."""
        reply = self._ask(Do.EVALUATE, passes=passes)
        if reply is not None:
            epoch = max((one.epoch for one in self._rounds), default=1) - 1
            with self._understood(Do.EVALUATE):
                self._round(Phase.EVALUATE, reply, [self._turn], epoch=epoch, place=place)

    def train_block(self, least_s: float) -> None:
        """Train whole epochs on end for so long, for what the device takes meanwhile."""
        reply = self._ask(Do.BLOCK, least_s=least_s)
        if reply is None:
            return
        with self._understood(Do.BLOCK):
            began_s, wall_s = reply["started_s"], reply["wall_s"]
            energy_j = steady_energy_j(self._turn, began_s, began_s + wall_s)
            self._energy.append(EnergyBlock(wall_s=wall_s, samples=reply["samples"], energy_j=energy_j))

    def predict(self, batch_size: int) -> None:
        reply = self._ask(Do.PREDICT, batch_size=batch_size)
        if reply is not None:
            told = ("batch_size", "calls", "p50_s", "p95_s", "p99_s")
            with self._understood(Do.PREDICT):
                self._latencies.append(Latency(**{name: reply[name] for name in told}))

    def measure_peak(self) -> None:
        """Ask what the device can do in its framework's hands; what a probe takes is not the trial's.

        So the GPU is not watched meanwhile.
        """
        if self.failure is not None or self._worker is None:
            return
        try:
            said = self._worker.ask(Do.PEAK, timeout_s=self._conditions.timeout_s)
        except TrialError as error:
            self.fail(error.kind, str(error))
            return
        with self._understood(Do.PEAK):
            rates = {name: seconds(said[name]) for name in ("flop_per_s", "bytes_per_s")}
            self._peak = Peak(**rates, reason=None if said["reason"] is None else str(said["reason"]))

    def finish(self) -> None:
        said = self._ask(Do.FINISH)
        if said is not None:
            with self._understood(Do.FINISH):
                require_numbers(said, "host_peak_bytes", "watched_s", "threads_worked")
                self._finished = said | {"digests": dict(said["digests"])}
                _allocator(said.get("allocator"))

    def fail(self, kind: str, reason: str) -> None:
        self.failure = self.failure or Failure(kind=kind, reason=reason)

    def kill(self) -> None:
        """End its worker, from whichever thread."""
        if self._worker is not None:
            self._worker.kill()

    def close(self) -> None:
        if self._worker is not None:
            if self.failure is not None:
                self._worker.kill()
            self._worker.close()
        self._wall_s = time.monotonic() - self._begin_s

    @property
    def trained_s(self) -> float:
        """Seconds of all training rounds so far."""
        return sum(one.wall_s for one in self._rounds if one.phase is Phase.TRAIN)

    def _ask(self, do: Do, **details: object) -> Message | None:
        if self.failure is not None or self._worker is None:
            return None
        if self._gpu is not None:
            self._gpu.begin(self._owner)
        try:
            self._worker.tell(do, **details)
        except TrialError as error:
            self.fail(error.kind, str(error))
        reply = self._hear(do, limit_s(do, details, self._pace, self._conditions.timeout_s))
        self._turn = self._gpu.end() if self._gpu is not None else ()
        return reply

    @contextmanager
    def _understood(self, do: Do) -> Iterator[None]:
        """An answer that has not what it should have is a failure of its trial, and of nothing else."""
        try:
            yield
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            self.fail(ProtocolError.kind, f"an answer to {do} that is none: {error!r}")

    def _hear(self, do: Do, timeout_s: float) -> Message | None:
        if self.failure is not None or self._worker is None:
            return None
        try:
            return self._worker.hear(do, timeout_s=timeout_s)
        except TrialError as error:
            self.fail(error.kind, str(error) + self._beside(error))
            self._finished = dict(error.facts)
            return None

    def _beside(self, error: TrialError) -> str:
        """A card's memory that ran out is its match's: how much of it was not this contender's."""
        if self._gpu is None or not isinstance(error, OutOfMemory):
            return ""
        held_mib = self._gpu.held_beside(self._owner) / 2**20
        return f" (the other workers of the match held {held_mib:,.0f} MiB of the card)"

    def _round(
        self,
        phase: Phase,
        reply: Message,
        watched: Sequence[Turn],
        *,
        epoch: int,
        place: int,
    ) -> None:
        require_numbers(reply, "samples", "steps", "started_s", "cpu_s", "idle_cpu_s", "loss", "accuracy")
        if seconds(reply["wall_s"]) is None:
            raise ValueError(f"a round of {reply['wall_s']} s")
        disturbance = rounded_up(Disturbance(**reply["disturbance"]))
        gpu = None if self._gpu is None else summarised(watched)
        self._rounds.append(
            Round(
                **reply | {"disturbance": disturbance},
                phase=phase,
                index=sum(one.phase is phase for one in self._rounds),
                epoch=epoch + 1,
                place=place,
                disturbed_by=mark(disturbance, wall_s=reply["wall_s"], gpu=gpu),
                gpu=gpu,
            )
        )

    def trial(self) -> Trial:
        match, conditions = self._match, self._conditions
        return Trial(
            run_id=conditions.run_id,
            match_id=self._match_id,
            trial_id=self.trial_id,
            role=match.role,
            seat=self.number,
            part=self._part,
            chosen=self.number in match.chosen if match.chosen else None,
            case=self.case,
            framework=self.contender.framework,
            planted_share=self._planted_share,
            replicate=match.replicate,
            seed=match.seed,
            threads=conditions.threads,
            started_at=self._started_at,
            wall_s=self._wall_s,
            startup=self._startup,
            rounds=marked(self._rounds),
            latencies=tuple(self._latencies),
            energy=tuple(self._energy),
            parameter_count=self._started.get("parameter_count"),
            host_peak_bytes=self._finished.get("host_peak_bytes"),
            gpu=self._gpu.use(self._owner) if self._gpu is not None else None,
            gpu_reason=None if self._gpu is not None else "the device is a CPU",
            watched_s=self._finished.get("watched_s"),
            threads_worked=self._finished.get("threads_worked"),
            cores=self._cores,
            pace=self.pace,
            peak=self._peak,
            allocator=_allocator(self._finished.get("allocator")),
            effective=self._started.get("effective", {}),
            digests={**self._started.get("digests", {}), **self._finished.get("digests", {})},
            certificate=self._certificate(),
            failure=self.failure,
            log_path=str(self._log_path),
        )

    def _certificate(self) -> Certification | None:
        if self._match.role in {Role.CONTROL, Role.CHANGE}:
            return None
        return self._conditions.certificates.get((self.case.id, self.contender.framework))


def _allocator(said: Message | None) -> AllocatorUse | None:
    return None if said is None else AllocatorUse(**said)
