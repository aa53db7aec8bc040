"""A timed trial is watched: every round's counts, and the program itself at moments that it cannot foresee.

Everything here is off the clock. What differs ends the trial: its failure is `other work`.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import numpy as np

from harness.errors import OtherWork
from harness.frameworks.base import Adapter, Counts, Score
from harness.frameworks.witness import Witness
from harness.work.recipe import Floats, Order
from harness.work.workload import (
    LOSS_SCALE_GROWTH_STEPS,
    TEST_SAMPLES,
    Mode,
    Precision,
    TrialSpec,
)
from harness.worker.effort import (
    ASKING,
    LOOKED,
    READY,
    require_done,
    require_threads,
    spent,
    uneven,
)
from harness.worker.holding import require_beginning, require_counts, state_of
from harness.worker.proofs import Proofs

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
        self._rng = np.random.default_rng([self._workload.seed, _MOMENT_STREAM])
        self._proofs = None
        if isinstance(adapter, Witness) and self._told:
            self._proofs = Proofs(spec, adapter, self._rng)
        self._moment = self._evaluation = self._last_evaluation = 0
        self.planned(self._workload.epochs * self._workload.train_samples, self._workload.epochs)
        self._trained = self._evaluations = self._steps = 0
        self._ready_s = 0.0
        self._first: Any = None
        self._before: Any = None
        self._left: str | None = None
        self._drawn_from: set[bytes] = set()
        self.watched_s = 0.0

    def planned(self, samples: int, evaluations: int) -> None:
        """Draw the moments anew, among what the trial is to train and how often to evaluate."""
        self._moment = int(self._rng.integers(samples))
        self._evaluation = int(self._rng.integers(evaluations)) if evaluations else -1
        self._last_evaluation = evaluations

    def to_train(self, order: Order) -> None:
        """Before a training round's batches are made ready.

        Raises:
            OtherWork: the trial does not begin as the recipe says, goes on from another state than it left,
                or is to drop what it has dropped before.
        """
        if self._proofs is None:
            return
        witness = self._proofs.witness
        with self._clocked():
            if self._first is None:
                require_beginning(witness)
                self._first = witness.keep()
            self._require_state(self._left, "between two rounds")
            self._left = None
            if self._workload.dropout_rate:
                # Kept as digests: a generator's state may be thousands of bytes, and rounds are many.
                drawn_from = hashlib.sha256(witness.random_state()).digest()
                if drawn_from in self._drawn_from:
                    raise OtherWork("dropout: a round is to draw what an earlier one has drawn")
                self._drawn_from.add(drawn_from)
            if self._trained <= self._moment < self._trained + len(order):
                self._before, self._left = witness.keep(), state_of(witness)

    def ready(self, cpu_s: float) -> None:
        """When a training round's batches are ready, which took so much processor time; now the clock starts.

        Raises:
            OtherWork: it has been trained already.
        """
        self._ready_s = cpu_s
        if self._before is None:
            return
        with self._clocked():
            self._require_state(self._left, "as its batches were made ready")

    def busy(self, cpu_s: float, wall_s: float) -> None:
        """After each round, which took so much time of the processors and of the clock.

        Raises:
            OtherWork: more threads worked on it than were given to it.
        """
        # An input pipeline brings threads of its own, and so do a GPU's libraries.
        held = self._told and self._spec.case.mode is not Mode.IDIOMATIC and self._on_cpu
        if held:
            require_threads(self._spec.threads, cpu_s, wall_s, self._spec.case.workers)

    def ran(self, cpu_s: float) -> None:
        """When the clock of a training round has stopped, which took so much processor time.

        Raises:
            OtherWork: it was only begun then, and is done as somebody looks; or most of it before.
        """
        if self._proofs is None or self._before is None:
            return
        with self._clocked():
            look = partial(state_of, self._proofs.witness)
            self._left, looked_s = spent(look)
            # The same once more, with nothing left to be done for it.
            _, again_s = spent(look)
            what, on_cpu = "a round of training", self._on_cpu
            require_done(what, cpu_s, "looking at it", looked_s - again_s, LOOKED if on_cpu else ASKING)
            require_done(what, cpu_s, "making it ready", self._ready_s, READY if on_cpu else ASKING)

    def trained(self, counts: Counts, order: Order) -> None:
        """After a training round that was told to run the samples of `order` (n,).

        Raises:
            OtherWork: it counted others, or what it did is not what its parts do, or what NumPy does.
        """
        if not self._told:
            return
        steps = math.ceil(len(order) / self._workload.batch_size)
        told = Counts(steps=steps, samples=len(order))
        require_counts("training", counts, told, left_out=self._overflows(steps))
        self._trained += len(order)
        if self._proofs is None or self._before is None:
            return
        with self._clocked():
            self._require_state(self._left, "after the clock had stopped")
            self._proofs.whole(self._before, order)
            # A rule that goes by how far training is shows in a step from its first state or the round's.
            for state in (self._first, self._before):
                self._proofs.step_from(state)
            self._before = self._left = None
            self._proofs.now()

    def to_evaluate(self) -> None:
        """Before an evaluation of the whole test set."""
        if self._proofs is not None and self._evaluations == self._evaluation:
            with self._clocked():
                self._left = state_of(self._proofs.witness)

    def evaluated(self, counts: Counts, score: Score, passes_s: list[float]) -> None:
        """After passes over the whole test set, each with its processor time, which counted this all in all.

        Raises:
            OtherWork: it counted other samples, its score is not that of the weights, or these have changed;
                or a pass was left out, as its result was known.
        """
        if not self._told:
            return
        work = self._workload
        told = Counts(steps=work.eval_steps * len(passes_s), samples=TEST_SAMPLES * len(passes_s))
        require_counts("evaluation", counts, told, left_out=0)
        drawn = self._evaluations == self._evaluation
        self._evaluations += 1
        if self._proofs is None:
            return
        with self._clocked():
            if drawn:
                self._require_state(self._left, "while it was evaluated")
            if drawn or self._evaluations == self._last_evaluation:
                self._proofs.score(score)
            # A pass that was far sooner done than another may have been disturbed less.
            if uneven(passes_s):
                self._proofs.passes(self._first)

    def score_of(self, adapter: Adapter, cpu_s: float) -> Score:
        """The score of the last evaluation, whose round took so much processor time.

        That of the drawn one is read while the model has other weights: what is computed only when it is
        asked for is then that of these.

        Raises:
            OtherWork: it is computed only now.
        """
        if self._proofs is None or self._evaluations != self._evaluation or self._first is None:
            return adapter.score()
        witness = self._proofs.witness
        with self._clocked():
            kept = witness.keep()
            witness.put_back(self._first)
            score, asked_s = spent(witness.score)
            witness.put_back(kept)
            allowed = LOOKED if self._on_cpu else ASKING
            require_done("a round of evaluation", cpu_s, "asking for its score", asked_s, allowed)
        return score

    def predicted(self, number: int, batch_size: int, answer: Floats) -> None:
        """After the prediction of the batch of this number, from 0.

        Raises:
            OtherWork: the answer is not what the weights say of these samples, nor what other weights say; or
                it is only remembered.
        """
        if self._proofs is not None:
            with self._clocked():
                self._proofs.prediction(number, batch_size, answer, self._first)

    def to_train_on_end(self) -> None:
        """Before whole epochs are trained on end."""
        if self._proofs is not None:
            with self._clocked():
                self._steps = self._proofs.witness.moments().steps

    def trained_on_end(self, epochs: int) -> None:
        """After so many of them.

        Raises:
            OtherWork: the optimiser has counted other steps.
        """
        if self._proofs is None:
            return
        with self._clocked():
            found = self._proofs.witness.moments().steps - self._steps
        told = epochs * self._workload.steps_per_epoch
        if not told - self._overflows(told) <= found <= told:
            raise OtherWork(f"{epochs} epochs on end were told to run {told} steps and ran {found}")

    def finished(self) -> None:
        """After the last round: a change that came late is still there.

        Raises:
            OtherWork: the program is another by now.
        """
        if self._trained and self._proofs is not None:
            with self._clocked():
                self._proofs.now()

    @property
    def _on_cpu(self) -> bool:
        return self._spec.case.device == "cpu"

    def _require_state(self, before: str | None, when: str) -> None:
        if before is None or self._proofs is None:
            return
        if before != state_of(self._proofs.witness):
            raise OtherWork(f"state: weights or optimiser changed {when}")

    @contextmanager
    def _clocked(self) -> Iterator[None]:
        begin_s = time.perf_counter()
        yield
        self.watched_s += time.perf_counter() - begin_s

    def _overflows(self, steps: int) -> int:
        """How many of so many steps may have been left out for an overflow."""
        if self._workload.precision is not Precision.FP16:
            return 0
        return _FIRST_OVERFLOWS + steps // LOSS_SCALE_GROWTH_STEPS
