"""The contract between a worker and a framework, the same for every framework.

A worker drives an adapter through one trial, in this order:

    adapter = open_adapter(spec)      import, threads, precision, device       import_s
    adapter.load(data)                arrays onto the device                   data_s
    adapter.build(weights)            model and optimiser, weights put in      build_s
    adapter.warm_up(order)            every batch shape, state put back        first_step_s
    adapter.places()                  has to be where the case is to run
    adapter.pace(order)               how long things take, state put back
    for each round, an epoch or part of one:
        adapter.begin_epoch(order)    off the clock: the batches are made ready
        adapter.train_epoch()         on the clock, closed by synchronise()
        adapter.train_loss()          off the clock, as is trained()
        adapter.evaluate(steps)       on the clock, closed by synchronise()
        adapter.score()               off the clock, as is evaluated()
    adapter.begin_epoch(order)        off the clock, then some epochs on end, for their energy:
        adapter.train_epoch()
    adapter.begin_predictions(size)   off the clock, as are the first calls, and then, each on the clock:
        adapter.predict(number)       closed by itself: the answer is on the host
    adapter.multiplying(square)       a call that the device's peak is looked for with, as is copying(array)

An adapter is a leaf: nothing imports it but a worker, by the name that the framework's record has for it. Its
module has `open_adapter(spec: TrialSpec) -> Adapter` and `probe(device: str) -> str`. Another package adds a
framework as ours are added: by an entry point that names a record (`registry`).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from harness.frameworks.gauge import Gauge
from harness.measure.loop import timed
from harness.work.recipe import Floats, Inputs, Order, Weights
from harness.work.workload import TEST_SAMPLES, TrialSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """Normalised inputs (n, 784) in the timed precision and labels (n,) as int64, equal for all sides.

    In mode `article` the inputs are scaled as the program has them; raw ones are uint8. `root` is the folder
    of the verified files, for the modes in which a framework reads them itself.
    """

    train_inputs: Inputs
    train_labels: NDArray[np.int64]
    test_inputs: Inputs
    test_labels: NDArray[np.int64]
    root: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Mean cross-entropy and share of right answers over the evaluated samples."""

    loss: float
    accuracy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What a round ran: steps as the optimiser counts them, or batches, and the samples given to them."""

    steps: int
    samples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Seconds that a training sample and a pass over the test set take; None where nothing can be said."""

    train_sample_s: float | None
    evaluate_s: float | None


# Predictions are asked for about so many test samples, again and again: the same ones of both frameworks,
# and reading all would take an input pipeline seconds.
ASKED_SAMPLES: Final = 2000

# Long enough for the clock and for a step that stutters, short beside a round.
_PACE_S: Final = 0.05

# A call has its price beside its steps: where twice as many steps take less than this many times as long, it
# is most of what was timed, and more steps are asked as long as they take no longer than this.
_MOSTLY_STEPS: Final = 1.5
_LONGEST_PACE_S: Final = 0.5

# Factors whose product float32 has as a denormal number only.
TINY: Final = 1e-38
TENTH: Final = 0.1


def denormals(product: float) -> str:
    """What became of TINY times TENTH: kept as a denormal number, or flushed to zero."""
    return "kept" if product else "flushed"


# How often a shape is run before it counts as warm. On a GPU compiled code sets itself up at its first call,
# records its CUDA graph at the second and replays it from the third on.
_PASSES_ON_CPU: Final = 1
_PASSES_ON_GPU: Final = 3


class Adapter(ABC):
    """One framework doing one case's work.

    `train_epoch` and `evaluate` do nothing but the work: whatever can be prepared belongs in
    `begin_epoch`, whatever is read back belongs in `train_loss` and `score`. They may return before
    the device has finished; `synchronise` waits for it. What was made ready can be trained on again.
    """

    def __init__(self, spec: TrialSpec) -> None:
        self.spec = spec
        self.workload = spec.case.workload
        self.gauge = Gauge()

    @property
    def warming_passes(self) -> int:
        """How often each shape has to be run before its time is that of the steady state."""
        return _PASSES_ON_CPU if self.spec.case.device == "cpu" else _PASSES_ON_GPU

    @staticmethod
    def out_of_memory(error: BaseException) -> bool:  # noqa: ARG004  (the contract names it)
        """Whether the framework says by this that memory ran out, in words of its own."""
        return False

    @abstractmethod
    def load(self, data: Data) -> None:
        """Put the arrays where the mode reads them from."""

    @abstractmethod
    def build(self, weights: Weights) -> None:
        """Make model and optimiser and put the initial weights in."""

    @abstractmethod
    def reset(self) -> None:
        """Put weights, optimiser and random state back to what `build` left."""

    @abstractmethod
    def begin_epoch(self, order: Order) -> None:
        """Make the batches of an epoch, or of a part of it, ready: `order` (n,) indexes the samples.

        Where work is planted, some stand in it twice, so it may be longer than an epoch.
        """

    @abstractmethod
    def train_epoch(self) -> None:
        """One optimiser step a batch, the last partial batch included."""

    @abstractmethod
    def train_loss(self) -> float:
        """Mean loss over the samples of the last `train_epoch`, as the steps saw them."""

    @abstractmethod
    def trained(self) -> Counts:
        """What the last `train_epoch` really ran, counted while it ran."""

    @abstractmethod
    def evaluate(self, steps: int) -> None:
        """Forward passes, without dropout, over the first `steps` batches of the test set."""

    @abstractmethod
    def evaluated(self) -> Counts:
        """What the last `evaluate` really ran, counted while it ran."""

    @abstractmethod
    def score(self) -> Score:
        """Loss and accuracy of the last `evaluate`."""

    @abstractmethod
    def begin_predictions(self, batch_size: int) -> int:
        """Make batches of the test set ready for `predict`; how many there are.

        At least the whole batches in its first `ASKED_SAMPLES`, and at least one.
        """

    @abstractmethod
    def predict(self, number: int) -> Floats:
        """Logits (n, 10) of one of these batches, without dropout, in the host's memory."""

    def multiplying(self, square: Floats) -> Callable[[], object] | None:  # noqa: ARG002  (the contract names it)
        """A call that multiplies `square` (n, n) by itself on the device; None where none is offered.

        In the number format of the case's products, and by as many threads. What can be made ready is, so the
        call is the product alone.
        """
        return None

    def copying(self, array: Floats) -> Callable[[], object] | None:  # noqa: ARG002
        """A call that copies `array` (n,), in its own type, from the device's memory to there; or None."""
        return None

    def hold(self, size_bytes: int) -> None:
        """Keep so many bytes on the device, all written to, in place of those that were kept; 0 for none.

        For the self-check: a known amount, to be found by whatever counts memory.
        """
        self._ballast = None
        self._ballast = np.ones(size_bytes, np.uint8)

    def beside_cpu_s(self) -> float:
        """Processor time so far of other processes that do the work of this one with it."""
        return 0.0

    def beside_peak_bytes(self) -> int:
        """The most that these have taken of the host's memory, each at its own peak."""
        return 0

    @abstractmethod
    def synchronise(self) -> None:
        """Return once the device has finished everything that was asked of it."""

    @abstractmethod
    def places(self) -> dict[str, str]:
        """Where the weights, the optimiser's state and the result of a forward pass are: cpu or gpu."""

    @abstractmethod
    def weights(self) -> Weights:
        """The parameters as they are now, in the recipe's layout."""

    @abstractmethod
    def effective(self) -> dict[str, str]:
        """Settings as the framework itself reports them, not as they were asked for.

        Always has `version`, `optimizer`, `threads`, `device` and `precision`. `denormals` says whether the
        device keeps them or flushes them to zero, by `TINY` times `TENTH`.
        """

    def warm_up(self, order: Order) -> None:
        """A training step and an evaluation of each batch shape, `warming_passes` times, then `reset`.

        Tracing, compilation and recording happen here, so they are timed apart from the rounds. What has
        matched arithmetic is trained for its proof, and never evaluated.
        """
        work = self.workload
        partial = work.train_samples % work.batch_size
        # The partial batch of an evaluation is its last: all of it has to be run to reach that.
        eval_steps = work.eval_steps if TEST_SAMPLES % work.eval_batch_size else 1
        for _ in range(self.warming_passes):
            self.begin_epoch(order[: work.batch_size + partial])
            self.train_epoch()
            if not self.spec.matched:
                self.evaluate(eval_steps)
        self.synchronise()
        self.reset()

    def pace(self, order: Order) -> Pace:
        """Time a first part of the epoch and a pass over the test set, then `reset`.

        Each twice, of which the faster counts: the first steps of a process are up to twice as slow.
        """
        workload = self.workload
        steps, before_s, wall_s, samples = 1, math.inf, 0.0, 0
        while samples < len(order) and wall_s < max(_PACE_S, min(_LONGEST_PACE_S, _MOSTLY_STEPS * before_s)):
            part = order[: steps * workload.batch_size]
            before_s, wall_s = wall_s or math.inf, self._trained_s(part)
            samples = len(part)
            steps *= 2
        wall_s = min(wall_s, self._trained_s(part))
        evaluate_s = min(
            timed(lambda: self.evaluate(workload.eval_steps), self.synchronise).wall_s for _ in range(2)
        )
        self.reset()
        return Pace(train_sample_s=wall_s / samples, evaluate_s=evaluate_s)

    def _trained_s(self, part: Order) -> float:
        self.begin_epoch(part)
        return timed(self.train_epoch, self.synchronise).wall_s
