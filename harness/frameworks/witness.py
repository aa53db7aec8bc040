"""What an adapter can be asked under oath: read back from the framework, never repeated from the spec.

A proof (`parity/testimony.py`) drives a witness through the very calls that timed trials make, and asks
in between. Nothing here runs on the clock.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from harness.frameworks.base import Adapter, Data
from harness.work.program import Update
from harness.work.recipe import Floats, Order, Weights
from harness.work.workload import AdamForm

Fact = str | int | float | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """Adam's state: both running means, laid out as the parameters are, after `steps` steps."""

    first: Weights
    second: Weights
    steps: int


class Witness(Adapter):
    """An adapter whose work can be proven."""

    adam_form: ClassVar[AdamForm]
    """The form of Adam that the framework's own optimiser has."""

    @abstractmethod
    def held_data(self) -> Data:
        """Inputs (n, 784) and labels (n,) of both sets as the mode reads them, after every transform."""

    @abstractmethod
    def held_batches(self) -> list[Order]:
        """Sample indices of each batch that the next `train_epoch` will run."""

    @abstractmethod
    def trainable_shapes(self) -> list[tuple[int, ...]]:
        """Shapes of the parameters that training changes, kernels as (inputs, outputs)."""

    @abstractmethod
    def promised_execution(self) -> str:
        """How the mode has a training step run: eager, traced or compiled; `settings` says what ran."""

    def promised_update(self) -> Update:
        """Which implementation of Adam the mode runs; `settings` says what ran."""
        return self.spec.case.update

    @abstractmethod
    def moments(self) -> Moments:
        """From the optimiser's own state; zeros before a step."""

    @abstractmethod
    def keep(self) -> Any:
        """Copies of all that training changes: weights, optimiser, loss scale, random state."""

    @abstractmethod
    def put_back(self, kept: Any) -> None:
        """Go on from what `keep` gave as if nothing had been since; after the first step only."""

    def step_aside(self) -> None:
        """One training step as timed trials make it, on the first samples; its state is then put back."""
        kept = self.keep()
        self.begin_epoch(np.arange(self.workload.train_samples)[: self.workload.batch_size])
        self.train_epoch()
        self.synchronise()
        self.put_back(kept)

    @abstractmethod
    def random_state(self) -> bytes:
        """What dropout will draw from next, as it is."""

    @abstractmethod
    def next_masks(self, rows: int) -> list[Floats]:
        """What dropout will multiply by in the next training step, if it is on so many rows.

        For each hidden layer (rows, h), drawn by the model's own layers, run as the mode runs them, from the
        random state as it is, which is then put back.
        """

    @abstractmethod
    def logits(self) -> Floats:
        """Outputs (n, 10) for the whole test set, by the forward pass that evaluation runs."""

    @abstractmethod
    def dropped(self, ones: Sequence[Floats], *, training: bool) -> list[Floats]:
        """What the model's own dropout makes of `ones`, (n, h) for each hidden layer, as the mode runs it."""

    @abstractmethod
    def put_masks(self, masks: Sequence[Floats]) -> None:
        """Have each hidden layer's dropout multiply by masks (`steps_per_epoch`, `batch_size`, h).

        In the training steps that follow: by the first mask in the first of them, and so on, from its first
        rows. For a `matched` spec, which is never evaluated.
        """

    @abstractmethod
    def constants(self) -> dict[str, Fact]:
        """The optimiser's settings as it holds them.

        `kind`, `learning_rate`, `beta_1`, `beta_2`, `epsilon`, `weight_decay`, `amsgrad`, `clipping`;
        0 and False where a setting is off.
        """

    @abstractmethod
    def settings(self) -> dict[str, Fact]:
        """Conditions as the framework reports them, in words that all frameworks share; after a first step.

        `execution` (eager, traced or compiled: as a step shows that is made for it), `update` (the
        implementation of Adam: stock, for-loop, foreach or fused, by the optimiser's own flags), `threads`,
        `interop_threads`, `device` (cpu or gpu, of the weights), `precision` (of the weights),
        `compute` (type of the activations), `tf32` (whether fp32 products may use it), `loss_scale` and
        `loss_scale_growth_steps` (1 and 0 where the loss is not scaled).
        """
