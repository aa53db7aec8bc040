"""What people type beside the workload: how inputs, outputs, steps and metrics of a listing are written.

A `Program` is a point in that space. The article's two listings are two of its points, and every point
between them can be run, so that one of their differences can be measured after the other.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum


class Scaling(StrEnum):
    """What becomes of a pixel before the first layer: 0 to 255, 0 to 1, or shifted to mean 0, spread 1."""

    RAW = "raw"
    UNIT = "unit"
    NORMALISED = "normalised"


class Pipeline(StrEnum):
    """Where batches come from: cut from arrays, or put together sample by sample by a `DataLoader`."""

    ARRAYS = "arrays"
    LOADER = "loader"


class Output(StrEnum):
    """What the model ends in; the loss is the cross-entropy that a listing puts on top of it.

    Of probabilities Keras takes the loss as that of the logits below them, which is steadier. On
    log-probabilities `CrossEntropyLoss` takes a softmax for the second time, which changes nothing but
    the work: the logarithm of a softmax of log-probabilities is these log-probabilities again.
    """

    PROBABILITIES = "softmax"
    LOGITS = "logits"
    LOG_PROBABILITIES = "log-softmax"


class Initial(StrEnum):
    """From what the first weights are drawn, see `recipe.initial_weights`."""

    GLOROT = "glorot"
    FAN_IN = "fan-in"


class Step(StrEnum):
    """How a training step is run: traced into a graph, compiled by XLA, or operation by operation.

    Traced is what `fit` makes of it unasked; on a GPU it then uses XLA, too.
    """

    TRACED = "traced"
    COMPILED = "compiled"
    EAGER = "eager"


class Update(StrEnum):
    """Which of an optimiser's implementations runs: what the framework takes unasked, or a named one."""

    STOCK = "stock"
    FOR_LOOP = "for-loop"
    FOREACH = "foreach"
    FUSED = "fused"


class Metrics(StrEnum):
    """What is computed while training, beside the loss."""

    NONE = "no-metrics"
    ACCURACY = "accuracy"


class Progress(StrEnum):
    """What the terminal is told while training: after every batch, as `fit` does unasked, or nothing."""

    BAR = "bar"
    SILENT = "silent"


class Partial(StrEnum):
    """What becomes of an epoch's last, smaller batch."""

    KEPT = "kept"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One way of typing the work, in either framework; batch sizes and Adam's constants are in `Workload`."""

    scaling: Scaling
    pipeline: Pipeline
    output: Output
    initial: Initial
    step: Step
    metrics: Metrics
    progress: Progress
    update: Update = Update.STOCK
    partial: Partial = Partial.KEPT

    @property
    def id(self) -> str:
        """Readable name: every level in a fixed order."""
        return "-".join(getattr(self, one.name) for one in fields(self))
