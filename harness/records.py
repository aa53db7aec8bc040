"""What is measured, as it is stored: frozen, a unit in every name.

What could not be measured is None with a reason beside it, never 0 and never a guess.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from harness.workload import Case


class Phase(StrEnum):
    TRAIN = "train"
    EVALUATE = "evaluate"


class Status(StrEnum):
    OK = "ok"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One timed block of work inside a trial: a training epoch, or a pass over the test set.

    `started_s` is on the machine's monotonic clock, so the rounds of both workers share one time
    line. `turn` is 0 when this side went first in its turn of the pair, 1 when second. `loss` is the
    mean over the round's samples; `accuracy` is None for training rounds.
    """

    phase: Phase
    index: int
    epoch: int
    turn: int
    samples: int
    steps: int
    started_s: float
    wall_s: float
    cpu_s: float
    idle_cpu_s: float | None
    loss: float
    accuracy: float | None

    @property
    def samples_per_s(self) -> float:
        return self.samples / self.wall_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Startup:
    """Start-up in parts, each timed apart from the steady state.

    `first_step_s` is one training step of each batch shape plus one evaluation batch: tracing and
    compilation. The state it changed is put back before the first round.
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

    One that does not hold stands beside a trial only where a mismatch was allowed.
    """

    id: str
    holds: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a trial did not finish: `kind` is one word (see `errors.TrialError`), `reason` a sentence."""

    kind: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One framework running one case once, in a fresh process. A failed trial is a record too."""

    run_id: str
    pair_id: str
    trial_id: str
    case: Case
    framework: str
    replicate: int
    seed: int
    threads: int
    started_at: datetime
    wall_s: float
    startup: Startup | None
    rounds: tuple[Round, ...]
    parameter_count: int | None
    host_peak_bytes: int | None
    gpu_peak_bytes: int | None
    gpu_peak_reason: str | None
    effective: dict[str, str]
    digests: dict[str, str]
    certificate: Certification | None
    failure: Failure | None
    log_path: str

    @property
    def status(self) -> Status:
        return Status.OK if self.failure is None else Status.FAILED
