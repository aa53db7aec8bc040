"""Whether a case fits into memory and time, estimated from its shape before any work is done for it.

Both are rough: what is left out here is a case that would end in swapping or outlast its budget by itself,
not one that is a little slow.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

import numpy as np

from harness.measure import host, nvml
from harness.parity.testimony import EPOCH_STEPS
from harness.settings.config import Settings
from harness.settings.grid import Plan
from harness.settings.matches import Match, between
from harness.work.records import Role
from harness.work.workload import TEST_SAMPLES, Case, Workload

# What a worker holds whatever the network: a framework, the data set in both precisions, its batches.
_WORKER_BYTES: Final = 1.6e9
# Copies of every parameter in float64 that a proof holds at its peak: NumPy's model and its states, the
# framework's, and what is read back of both. In a match there are fewer.
_PARAMETER_BYTES: Final = 8 * 30
# And of every hidden unit of a batch: masks of all epochs' steps, activations, and what is made of them.
_UNIT_BYTES: Final = 8 * 24
# Workers at once, of proofs as of matches.
_WORKERS: Final = 2
# On a GPU: a context with its libraries, and weights, gradients and Adam's state in float64.
_CONTEXT_BYTES: Final = 1.5e9
_DEVICE_PARAMETER_BYTES: Final = 8 * 6

# Of all memory so much is left to the system.
_LEFT_SHARE: Final = 0.1

# Steps of a proof's trajectories, as steps in float32, of which one in float64 takes two: 21 in NumPy, 21 in
# each precision of the framework, and the gradients of 7 by hand for each.
_PROOF_STEPS: Final = 2 * 21 + (2 + 1) * 21 + 2 * 2 * 7
# Steps of a trial at its start, for its proofs, and in its turns; passes over the test set all in all.
_TRIAL_STEPS: Final = 60
_PASSES: Final = 10
# What a proof and a trial take whatever the network.
_PROOF_S: Final = 10.0
_TRIAL_S: Final = 5.0

# Of what a core does in a product at its best, so much is left in a training step. Beside its products a step
# reads and writes weights, gradients and Adam's state, at such a pace.
_SUSTAINED: Final = 0.4
_PARAMETER_STEP_BYTES: Final = 60
_BYTES_PER_S: Final = 8e9

# A core is asked by products of such matrices, so many on end and for so long; the fastest count. NumPy's
# libraries make products of this size in one thread: with more, a busy machine has them wait for each other.
_PROBED_SIZE: Final = 64
_PROBED_ON_END: Final = 100
_PROBED_S: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimates:
    """What cases take of a machine that makes products of float32 at `flop_per_s` with a case's threads."""

    flop_per_s: float

    @classmethod
    def here(cls, threads: int) -> Estimates:
        """For this machine, by products that one of its cores makes now."""
        return cls(flop_per_s=threads * _core_flop_per_s())

    def proof_s(self, case: Case) -> float:
        """Seconds that a proof takes, where two run at once."""
        work = case.workload
        # The end of an epoch, whole and in parts.
        steps = _PROOF_STEPS + 2 * min(work.steps_per_epoch, EPOCH_STEPS)
        return _PROOF_S + steps * self._step_s(work) + _PASSES * self._pass_s(work)

    def match_s(self, match: Match) -> float:
        """Seconds of a match of which nothing is known yet."""
        return sum(self._trial_s(one.case.workload, match.role) for one in match.contenders)

    def _trial_s(self, work: Workload, role: Role) -> float:
        steps = _TRIAL_STEPS + (work.epochs * work.steps_per_epoch if role is Role.LEARNING else 0)
        passes = _PASSES + (work.epochs if role is Role.LEARNING else 0)
        return _TRIAL_S + steps * self._step_s(work) + passes * self._pass_s(work)

    def _step_s(self, work: Workload) -> float:
        moved_s = _PARAMETER_STEP_BYTES * work.parameter_count / _BYTES_PER_S
        return work.step_flop / (_SUSTAINED * self.flop_per_s) + moved_s

    def _pass_s(self, work: Workload) -> float:
        """Over the test set."""
        flop = 2 * TEST_SAMPLES * sum(inputs * outputs for inputs, outputs in work.layers)
        return flop / (_SUSTAINED * self.flop_per_s)


class Corrected:
    """Estimates of matches, by how long matches have taken; without `estimates` there are none."""

    def __init__(self, estimates: Estimates | None) -> None:
        self._estimates = estimates
        # A busy machine is slower than its cores are.
        self._times_as_long = 1.0

    def compare(self, match: Match, took_s: float) -> None:
        """See how a match that tells a speed compares with what was estimated of it."""
        if self._estimates is not None and match.role is not Role.LEARNING:
            self._times_as_long = max(self._times_as_long, took_s / self._estimates.match_s(match))

    def match_s(self, match: Match) -> float | None:
        """Seconds of a match of which nothing is known but how others compared."""
        return None if self._estimates is None else self._times_as_long * self._estimates.match_s(match)


def those_that_fit(plan: Plan, estimates: Estimates) -> Plan:
    """The plan without the cases that do not fit into memory or time; these are in `Plan.unfit`, with why."""
    why = {case: _why_not(plan, case, estimates) for case in plan.cases}
    return replace(
        plan,
        cases=tuple(case for case, said in why.items() if said is None),
        unfit=tuple((case, said) for case, said in why.items() if said is not None),
    )


def no_room(settings: Settings, case: Case) -> str | None:
    """Why there are too few cores, or too little memory, for a match of the case, if there are."""
    work = case.workload
    cores = case.workers * settings.threads
    if case.workers > 1 and cores > host.usable_cores():
        return (
            f"its {case.workers} workers, each of {settings.threads} thread(s), need {cores} cores, "
            f"and {host.usable_cores()} are usable"
        )
    room_bytes = (1 - _LEFT_SHARE) * host.memory_bytes()
    needs_bytes = _WORKERS * case.workers * host_bytes(work)
    if needs_bytes > room_bytes:
        return f"two workers of it need about {_gibibytes(needs_bytes)} of {_gibibytes(room_bytes)} of memory"
    if case.device != "cpu":
        total_bytes = nvml.gpu_of(case.device).total_bytes
        needs_bytes = _WORKERS * device_bytes(work)
        if total_bytes is not None and needs_bytes > (1 - _LEFT_SHARE) * total_bytes:
            return (
                f"two workers of it need about {_gibibytes(needs_bytes)} of the GPU's "
                f"{_gibibytes(total_bytes)}"
            )
    return None


def _why_not(plan: Plan, case: Case, estimates: Estimates) -> str | None:
    settings, why = plan.settings, no_room(plan.settings, case)
    if why is not None:
        return why
    proof_s = estimates.proof_s(case)
    if proof_s > settings.timeout_s:
        return f"its proof takes about {proof_s:.0f} s, and a worker may take {settings.timeout_s:g} s"
    match_s = estimates.match_s(between(case, 0, settings.frameworks))
    if match_s > settings.budget_s:
        return f"a single match of it takes about {match_s:.0f} s of a budget of {settings.budget_s:g} s"
    return None


def host_bytes(work: Workload) -> float:
    """About what a worker that proves this holds of the host's memory at its peak."""
    units = work.batch_size * sum(work.hidden)
    passed = 2000 * sum(work.hidden) * 4 * 3
    return _WORKER_BYTES + _PARAMETER_BYTES * work.parameter_count + _UNIT_BYTES * units + passed


def device_bytes(work: Workload) -> float:
    """About what it holds of a GPU's memory."""
    units = work.largest_batch * sum(work.hidden)
    return _CONTEXT_BYTES + _DEVICE_PARAMETER_BYTES * work.parameter_count + _UNIT_BYTES * units


@cache
def _core_flop_per_s() -> float:
    """Of products of two matrices of float32 on one core, by its time: whatever else has turns on it.

    Asked once a process, as it takes a while.
    """
    square = np.ones((_PROBED_SIZE, _PROBED_SIZE), np.float32)
    took_s, end_s = list[float](), time.perf_counter() + _PROBED_S
    while not took_s or time.perf_counter() < end_s:
        begin_s = time.thread_time()
        for _ in range(_PROBED_ON_END):
            square @ square
        took_s.append(time.thread_time() - begin_s)
    return 2 * _PROBED_SIZE**3 * _PROBED_ON_END / min(took_s)


def _gibibytes(size_bytes: float) -> str:
    return f"{size_bytes / 2**30:.1f} GiB"
