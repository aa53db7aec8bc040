"""What is measured, as it is stored: frozen, a unit in every name.

What could not be measured is None with a reason beside it, never 0 and never a guess.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from harness.work.contender import Contender
from harness.work.workload import Case

# The kind of a failure that is nobody's: its trial had not finished when the run was ended.
INTERRUPTED: Final = "interrupted"
# And of one that was not begun, for a contender of its match had failed too often.
SKIPPED: Final = "skipped"
# And of one that was not begun, for its case does not fit into memory or time by an estimate made before.
TOO_LARGE: Final = "too large"
# And of one that was not begun, for there is no such contender.
UNABLE: Final = "unable"


class Phase(StrEnum):
    TRAIN = "train"
    EVALUATE = "evaluate"


class Role(StrEnum):
    """What a match is for: to compare contenders, or one with itself, so that the true ratio is known.

    Or to measure changes: its contenders are programs on the way from one to another. Or to compare all ways
    of each framework, after a pilot has chosen the fastest: what chose is not used to judge. Or to see what
    is learned: whole trainings, whose speed is nobody's. Or to see what several workers make of a framework's
    speed: one and several in the same turns.
    """

    COMPARISON = "comparison"
    CONTROL = "control"
    CHANGE = "change"
    PILOT = "pilot"
    WAYS = "ways"
    LEARNING = "learning"
    SCALING = "scaling"


class Status(StrEnum):
    OK = "ok"
    FAILED = "failed"


class RunStatus(StrEnum):
    """How a run stands, or ended: no row says `ABANDONED`, it is read of one that says it is running."""

    RUNNING = "running"
    FINISHED = "finished"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Disturbance:
    """What else happened on the machine during a round; None where the system does not say.

    `steal_s` is what the hypervisor gave to others and `others_cpu_s` what other processes used, both
    summed over all cores. The switches are this process's own. `frequency_hz` is the mean of all cores.
    """

    steal_s: float | None
    others_cpu_s: float | None
    voluntary_switches: int | None
    involuntary_switches: int | None
    frequency_hz: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuRound:
    """What the GPU did while it was a contender's turn; None where the card or the driver does not say.

    `energy_j` is the whole card's, that of the idle contenders included, `utilisation` the mean share of time
    in which a kernel ran, from 0 to 1, and `power_w` a mean: all three are None for a turn so short that the
    sensors still tell of the turn before. The clocks are medians and `temperature_c` is the highest.
    `throttled_by` names what kept the clocks down, joined by commas.
    """

    energy_j: float | None
    utilisation: float | None
    sm_hz: float | None
    memory_hz: float | None
    temperature_c: float | None
    power_w: float | None
    throttled_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyBlock:
    """Training on end, for seconds: `samples` in `wall_s`.

    `energy_j` is the whole card's over all of it, reckoned from when its sensors had settled; None where it
    does not tell, or the block was too short.
    """

    wall_s: float
    samples: int
    energy_j: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuUse:
    """What a trial took of its GPU, as the driver counts it.

    `process_peak_bytes` is the memory of the worker's process and its children, null with a
    `process_reason` where the driver hides it. `device_peak_bytes` is by how much the memory in use on
    the whole device grew in this contender's turns, at its peak: it holds whatever others did meanwhile.
    `left_bytes` is what the device still held over the baseline when the match's workers had gone.
    `energy_source` is counter or power (integrated). `sample_s` is what taking one of the `samples`
    took, and `ended_because` why sampling stopped before the trial did, if it did.
    """

    name: str
    uuid: str
    process_peak_bytes: int | None
    process_reason: str | None
    device_peak_bytes: int | None
    left_bytes: int | None
    energy_source: str | None
    samples: int
    sample_s: float | None
    ended_because: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocatorUse:
    """A framework's own count of its memory on the GPU, from the first round on.

    In use is what tensors take; reserved is what the allocator has taken from the driver for them. Only
    like may be compared with like, so what a framework does not say is None, with the `reason`.
    """

    peak_in_use_bytes: int | None
    peak_reserved_bytes: int | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One timed block of work inside a trial: epochs, parts of one or more, or passes over the test set.

    `index` counts the rounds of a phase from 0, `epoch` is the last epoch that the round touched, from 1.
    `started_s` is on the machine's monotonic clock, so the rounds of all workers share one time
    line. `place` is 0 when the contender went first in its turn of the match. `loss` is the
    mean over the round's samples; `accuracy` is None for training rounds. `warm_up` marks rounds before the
    times had settled, and `disturbed_by` names what disturbed a round (`measure.disturbance.mark`). `gpu` is
    None on a CPU. `device_s` is `wall_s` by the device's own clock, None where the framework offers none.
    """

    phase: Phase
    index: int
    epoch: int
    place: int
    samples: int
    steps: int
    started_s: float
    wall_s: float
    cpu_s: float
    idle_cpu_s: float | None
    loss: float
    accuracy: float | None
    disturbance: Disturbance | None = None
    disturbed_by: str | None = None
    warm_up: bool = False
    gpu: GpuRound | None = None
    device_s: float | None = None

    @property
    def samples_per_s(self) -> float:
        return self.samples / self.wall_s

    @property
    def sample_s(self) -> float:
        return self.wall_s / self.samples


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Seconds from asking for a batch's predictions until the host has them: percentiles over calls."""

    batch_size: int
    calls: int
    p50_s: float
    p95_s: float
    p99_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """The most that a framework got out of its device in a short probe, off the clock: products and copies.

    `flop_per_s` are additions and multiplications of a square matrix product in the case's number format,
    `bytes_per_s` what a copy read and wrote of an array that is as large as what a step holds. Both None
    where nothing was found, with the `reason`.
    """

    flop_per_s: float | None
    bytes_per_s: float | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Startup:
    """Start-up in parts, each timed apart from the steady state.

    `first_step_s` is a training step and an evaluation of each batch shape (on a GPU three times, until CUDA
    graphs are recorded): tracing and compilation. The state it changed is put back before the first round.
    """

    import_s: float
    data_s: float
    build_s: float
    first_step_s: float

    @property
    def total_s(self) -> float:
        return self.import_s + self.data_s + self.build_s + self.first_step_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Certification:
    """Which certificate a case was measured under, and whether it held.

    One that does not hold stands beside a trial only where a mismatch was allowed, or where its proof
    `lacked_memory`, so that it is not known what it would have shown.
    """

    id: str
    holds: bool
    lacked_memory: bool = False

    @property
    def differs(self) -> bool:
        """Whether the work is known to be another: its case is not measured unless a mismatch is allowed."""
        return not self.holds and not self.lacked_memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a trial did not finish: `kind` is one word (see `errors.TrialError`), `reason` a sentence."""

    kind: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One framework running one case once, in a fresh process. A failed trial is a record too.

    `seat` is the contender's place in its match, from 0. `part` counts, from 0, the matches that were made of
    one because memory did not hold all its contenders at once. `planted_share` of its steps were done
    twice, 0 outside calibration. `gpu` is None where none was used or it could not be watched, with the
    `gpu_reason`, and `energy` has the blocks in which the card's energy was measured. `watched_s` is the
    part of `wall_s` in which the program was held against the reference, and `threads_worked` how many
    threads its process kept busy after start-up. `cores` are those that its match shared, comma-
    separated; None where none were chosen for it. `pace` is what its worker said, before the first round,
    that a sample of training and a pass over the test set take: `train_sample_s` and `evaluate_s`. `chosen`
    says in a match of all ways whether the pilot found this its framework's fastest; None elsewhere. `peak`
    is what its worker found the device to be able to do; None of a trial that was not asked.
    """

    run_id: str
    match_id: str
    trial_id: str
    role: Role
    seat: int
    case: Case
    framework: str
    planted_share: float
    replicate: int
    seed: int
    threads: int
    started_at: datetime
    wall_s: float
    startup: Startup | None
    rounds: tuple[Round, ...]
    latencies: tuple[Latency, ...]
    parameter_count: int | None
    host_peak_bytes: int | None
    gpu: GpuUse | None
    gpu_reason: str | None
    effective: dict[str, str]
    digests: dict[str, str]
    certificate: Certification | None
    failure: Failure | None
    log_path: str
    part: int = 0
    chosen: bool | None = None
    watched_s: float | None = None
    threads_worked: int | None = None
    cores: str | None = None
    pace: Mapping[str, float | None] | None = None
    allocator: AllocatorUse | None = None
    energy: tuple[EnergyBlock, ...] = ()
    peak: Peak | None = None

    @property
    def contender(self) -> Contender:
        return Contender(framework=self.framework, case=self.case)

    @property
    def whole(self) -> bool:
        """Whether it trained all epochs of its case, and no more."""
        work = self.case.workload
        trained = sum(one.samples for one in self.rounds if one.phase is Phase.TRAIN)
        return trained == work.epochs * work.train_samples

    @property
    def status(self) -> Status:
        return Status.OK if self.failure is None else Status.FAILED
