"""A timed trial's program, proven where it stands: what it does now is what NumPy does.

Each proof leaves the program as it was. What does not hold is `OtherWork`, which names the check.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import numpy as np

from harness.frameworks.base import Score
from harness.frameworks.witness import Witness
from harness.parity.judge import DURING, MADE, PREDICTED, SCORED, STEPPED
from harness.parity.reference import Samples
from harness.parity.settings import ask_settings
from harness.parity.timed import (
    evidence_of,
    prove_call,
    prove_evaluation,
    prove_prediction,
    prove_steps,
    prove_whole,
)
from harness.work.recipe import Floats, Order
from harness.work.workload import WHOLE_EPOCHS, TrialSpec
from harness.worker.effort import require_anew
from harness.worker.holding import require_held
from harness.worker.reading import read_samples

# Batches that the program is stepped through, the partial one included.
_STEPS: Final = 2

# Batches of a call that is made again in parts where the rounds themselves are too long for it.
_CALLED: Final = 5


class Proofs:
    """Those of one trial; `rng` draws the batches that they are made with."""

    def __init__(self, spec: TrialSpec, witness: Witness, rng: np.random.Generator) -> None:
        self.witness = witness
        self._spec = spec
        self._workload = spec.case.workload
        self._rng = rng

    def now(self) -> None:
        """Its settings, and steps from its present state."""
        evidence = evidence_of(self._workload)
        ask_settings(evidence, self.witness)
        prove_steps(evidence, self.witness, read_samples(self._spec).train, _STEPS, self._rng)
        require_held(evidence, DURING)

    def step_from(self, state: Any) -> None:
        """A step from an earlier state; the present one is put back."""
        now = self.witness.keep()
        self.witness.put_back(state)
        evidence = evidence_of(self._workload)
        prove_steps(evidence, self.witness, read_samples(self._spec).train, 1, self._rng)
        self.witness.put_back(now)
        require_held(evidence, STEPPED)

    def whole(self, before: Any, order: Order) -> None:
        """A whole is its parts: of the round over `order` (n,) that has just been made from `before`.

        Where that is an epoch of some call it is the round's end.
        """
        evidence = evidence_of(self._workload)
        if self._spec.case.mode in WHOLE_EPOCHS:
            prove_call(evidence, self.witness, order[-_CALLED * self._workload.batch_size :], self._rng)
        elif self._spec.repeated:
            prove_whole(evidence, self.witness, before, order, self._rng)
        else:
            return
        require_held(evidence, MADE)

    def score(self, said: Score) -> None:
        """The score of the whole test set is that of the weights."""
        evidence = evidence_of(self._workload)
        prove_evaluation(evidence, self.witness, said, read_samples(self._spec).test)
        require_held(evidence, SCORED)

    def passes(self, others: Any) -> None:
        """A pass over the test set is made anew: from the state `others` its score is another."""

        def evaluate() -> Score:
            self.witness.evaluate(self._workload.eval_steps)
            self.witness.synchronise()
            return self.witness.score()

        require_anew(self.witness, others, "an evaluation", evaluate, self.score)

    def prediction(self, number: int, batch_size: int, said: Floats, others: Any) -> None:
        """Logits (n, 10) of the batch of this number are those of the weights, and of `others` others."""
        prove = partial(self._prediction, number * batch_size, batch_size)
        prove(said)
        require_anew(self.witness, others, "a prediction", lambda: self.witness.predict(number), prove)

    def _prediction(self, first: int, batch_size: int, said: Floats) -> None:
        test = read_samples(self._spec).test
        labels = test.labels[first : first + batch_size]
        asked = Samples(inputs=lambda some: test.inputs(some + first), labels=labels)
        evidence = evidence_of(self._workload)
        prove_prediction(evidence, self.witness, said, asked)
        require_held(evidence, PREDICTED)
