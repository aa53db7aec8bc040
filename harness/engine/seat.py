"""One trial while it runs, as its parent sees it."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

from harness.engine.conditions import Conditions
from harness.engine.cores import keep
from harness.engine.limits import limit_s
from harness.engine.process import WorkerProcess
from harness.engine.rounds import Part
from harness.engine.scoresheet import Scoresheet
from harness.engine.surroundings import environment
from harness.errors import OutOfMemory, TrialError
from harness.measure import host
from harness.measure.gpu import GpuSampler
from harness.measure.samples import Turn
from harness.settings.matches import Match
from harness.work.records import Certification, Failure, Role, Trial
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
        self._turn: Turn = ()
        self._cores: str | None = None
        self._sheet = Scoresheet()

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
            self._sheet.started(reply)

    @property
    def pace(self) -> dict[str, float | None] | None:
        """What the worker says of its speed; None when it did not start."""
        return self._sheet.pace

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
            self._sheet.trained(replies, self._sampled(turns), epoch=epoch, place=place)
        for epoch, evaluation, watched in evaluations:
            if evaluation is not None:
                self._sheet.evaluated(evaluation, self._sampled([watched]), epoch=epoch, place=place)

    def evaluate(self, place: int, passes: int) -> None:
        """One evaluation round, wherever training has come to."""
        reply = self._ask(Do.EVALUATE, passes=passes)
        if reply is not None:
            self._sheet.evaluated(reply, self._sampled([self._turn]), epoch=self._sheet.epoch, place=place)

    def train_block(self, least_s: float) -> None:
        """Train whole epochs on end for so long, for what the device takes meanwhile."""
        reply = self._ask(Do.BLOCK, least_s=least_s)
        if reply is not None:
            self._sheet.trained_block(reply, self._turn)

    def predict(self, batch_size: int) -> None:
        reply = self._ask(Do.PREDICT, batch_size=batch_size)
        if reply is not None:
            self._sheet.predicted(reply)

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
        self._sheet.peak_found(said)

    def finish(self) -> None:
        said = self._ask(Do.FINISH)
        if said is not None:
            self._sheet.finished(said)

    @property
    def failure(self) -> Failure | None:
        return self._sheet.failure

    def fail(self, kind: str, reason: str) -> None:
        self._sheet.fail(kind, reason)

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
        return self._sheet.trained_s

    def _ask(self, do: Do, **details: object) -> Message | None:
        if self.failure is not None or self._worker is None:
            return None
        if self._gpu is not None:
            self._gpu.begin(self._owner)
        try:
            self._worker.tell(do, **details)
        except TrialError as error:
            self.fail(error.kind, str(error))
        reply = self._hear(do, limit_s(do, details, self._sheet.pace, self._conditions.timeout_s))
        self._turn = self._gpu.end() if self._gpu is not None else ()
        return reply

    def _hear(self, do: Do, timeout_s: float) -> Message | None:
        if self.failure is not None or self._worker is None:
            return None
        try:
            return self._worker.hear(do, timeout_s=timeout_s)
        except TrialError as error:
            self.fail(error.kind, str(error) + self._beside(error))
            self._sheet.broke_off(error.facts)
            return None

    def _beside(self, error: TrialError) -> str:
        """A card's memory that ran out is its match's: how much of it was not this contender's."""
        if self._gpu is None or not isinstance(error, OutOfMemory):
            return ""
        held_mib = self._gpu.held_beside(self._owner) / 2**20
        return f" (the other workers of the match held {held_mib:,.0f} MiB of the card)"

    def _sampled(self, turns: Sequence[Turn]) -> Sequence[Turn] | None:
        return None if self._gpu is None else turns

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
            gpu=self._gpu.use(self._owner) if self._gpu is not None else None,
            gpu_reason=None if self._gpu is not None else "the device is a CPU",
            cores=self._cores,
            certificate=self._certificate(),
            log_path=str(self._log_path),
            **self._sheet.told(),
        )

    def _certificate(self) -> Certification | None:
        if self._match.role in {Role.CONTROL, Role.CHANGE}:
            return None
        return self._conditions.certificates.get((self.case.id, self.contender.framework))
