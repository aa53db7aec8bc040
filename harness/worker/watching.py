"""A timed trial is watched: every round's counts, and the program itself at moments that it cannot foresee.

Everything here is off the clock. What differs ends the trial: its failure is `other work`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Final

import numpy as np

from harness.errors import OtherWork
from harness.frameworks.base import Adapter, Counts
from harness.frameworks.witness import Witness
from harness.parity.evidence import Evidence
from harness.parity.judge import DURING, SCORED, Check, judge
from harness.parity.timed import evidence_of, prove_evaluation, prove_step_by_step
from harness.work.workload import LOSS_SCALE_GROWTH_STEPS, TEST_SAMPLES, Mode, Precision, TrialSpec
from harness.worker.reading import read_samples

# Full batches that the program is stepped through at the drawn moment, and after the last round.
_STEPS: Final = 2
_LAST_STEPS: Final = 1

_MOMENT_STREAM: Final = 4

# A scaled loss overflows now and then, and its step is left out: at first, and once for each doubling.
_FIRST_OVERFLOWS: Final = 15


class Watching:
    """What one trial is watched for. `watched_s` is what that took beside the trial's own work."""

    def __init__(self, spec: TrialSpec, adapter: Adapter) -> None:
        self._spec = spec
        self._workload = spec.case.workload
        # The listings of mode `article` do different work, and each in its own order.
        self._told = spec.case.mode is not Mode.ARTICLE
        self._witness = adapter if isinstance(adapter, Witness) and self._told else None
        self._rng = np.random.default_rng([self._workload.seed, _MOMENT_STREAM])
        self._moment = int(self._rng.integers(self._workload.epochs * self._workload.train_samples))
        self._evaluation = int(self._rng.integers(self._workload.epochs))
        self._trained = self._evaluations = 0
        self.watched_s = 0.0

    def trained(self, counts: Counts, told: int) -> None:
        """After a training round that was told to run `told` samples.

        Raises:
            OtherWork: it counted others, or the program is another by now.
        """
        if not self._told:
            return
        steps = math.ceil(told / self._workload.batch_size)
        told_counts = Counts(steps=steps, samples=told)
        _require("training", counts, told_counts, left_out=self._overflows(steps))
        before, self._trained = self._trained, self._trained + told
        if before <= self._moment < self._trained:
            self._prove(_STEPS)

    def evaluated(self, counts: Counts) -> None:
        """After an evaluation of the whole test set.

        Raises:
            OtherWork: it counted other samples, or its score is not that of the weights.
        """
        if not self._told:
            return
        told = Counts(steps=self._workload.eval_steps, samples=TEST_SAMPLES)
        _require("evaluation", counts, told, left_out=0)
        drawn = self._evaluations == self._evaluation
        self._evaluations += 1
        if self._witness is None or not (drawn or self._evaluations == self._workload.epochs):
            return
        begin_s = time.perf_counter()
        evidence = evidence_of(self._workload)
        prove_evaluation(evidence, self._witness, read_samples(self._spec).test)
        _require_held(evidence, SCORED)
        self.watched_s += time.perf_counter() - begin_s

    def finished(self) -> None:
        """After the last round: a change that came late is still there.

        Raises:
            OtherWork: the program is another by now.
        """
        if self._trained:
            self._prove(_LAST_STEPS)

    def _prove(self, steps: int) -> None:
        if self._witness is None:
            return
        begin_s = time.perf_counter()
        evidence = evidence_of(self._workload)
        prove_step_by_step(evidence, self._witness, read_samples(self._spec).train, steps, self._rng)
        _require_held(evidence, DURING)
        self.watched_s += time.perf_counter() - begin_s

    def _overflows(self, steps: int) -> int:
        """How many of so many steps may have been left out for an overflow."""
        if self._workload.precision is not Precision.FP16:
            return 0
        return _FIRST_OVERFLOWS + steps // LOSS_SCALE_GROWTH_STEPS


def _require(phase: str, found: Counts, told: Counts, *, left_out: int) -> None:
    if found.samples != told.samples or not told.steps - left_out <= found.steps <= told.steps:
        raise OtherWork(
            f"a round of {phase} was told to run {told.steps} steps on {told.samples} samples and ran "
            f"{found.steps} on {found.samples}"
        )


def _require_held(evidence: Evidence, checks: Mapping[str, Check]) -> None:
    failed = next((one for one in judge(evidence, checks=checks) if not one.holds), None)
    if failed is not None:
        raise OtherWork(f"{failed.check}: {failed.sentence}")
