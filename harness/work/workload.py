"""What is trained and evaluated, and where: frozen, validated, standard library only."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import Final

from harness.errors import BadOption
from harness.work.program import Program, Update

INPUT_FEATURES: Final = 784
CLASSES: Final = 10
FULL_TRAIN_SAMPLES: Final = 60_000
TEST_SAMPLES: Final = 10_000
MOST_EPOCHS: Final = 1000

# The network's hidden layers, where nothing else is asked, and how many and how wide they may be.
USUAL_HIDDEN: Final = (128,)
MOST_LAYERS: Final = 8
MOST_UNITS: Final = 16_384

# Processes that train one model together.
MOST_WORKERS: Final = 64

PIXEL_MEAN: Final = 0.1307
PIXEL_STD: Final = 0.3081

# Some frameworks round Adam's betas to float32 even in a float64 model, others keep them as doubles. Values
# that float32 holds exactly are the same number in all.
FLOAT32_0_9: Final = 0.8999999761581421
FLOAT32_0_999: Final = 0.9990000128746033

# Loss scaling in fp16, alike in all: doubled after so many steps without an overflow, halved at one. Twice as
# much, where some frameworks start, fp16 itself cannot hold.
LOSS_SCALE: Final = 2.0**15
LOSS_SCALE_GROWTH_STEPS: Final = 2000


class Mode(StrEnum):
    """How a framework executes a training step; each pairs the frameworks' own ways of doing the same.

    All but `article`, whose two listings do different work: it has no certificate and no verdict. And but
    `best`, which asks for a match of all ways of each framework and is no way itself.
    """

    LOOP = "loop"
    EAGER = "eager"
    COMPILED = "compiled"
    IDIOMATIC = "idiomatic"
    GRAPH = "graph"
    ARTICLE = "article"
    BEST = "best"


# What `fit` and a `DataLoader` do around an epoch belongs to it.
WHOLE_EPOCHS: Final = frozenset({Mode.IDIOMATIC, Mode.ARTICLE})


class Precision(StrEnum):
    """Number format of a training step.

    `fp32` and `fp64` are IEEE throughout. `tf32` rounds the factors of fp32 products to 10 bits. `bf16` and
    `fp16` are the frameworks' own mixed precision: products, activations and their gradients are of 16
    bits; weights, optimiser, softmax and loss stay in fp32. In `fp16` the loss is scaled.
    """

    FP32 = "fp32"
    TF32 = "tf32"
    BF16 = "bf16"
    FP16 = "fp16"
    FP64 = "fp64"


class Dataset(StrEnum):
    """Data sets of 28x28 grey images in ten classes, all in MNIST's idx format."""

    MNIST = "mnist"
    FASHION_MNIST = "fashion-mnist"
    SYNTHETIC = "synthetic"


class AdamForm(StrEnum):
    """Where epsilon stands in the step: two forms of Kingma & Ba 2015, the same but for what it weighs.

    `CORRECTED`, their algorithm 1: added to the root of the corrected second moment. `REORDERED`, the end of
    their section 2: added to the root of the raw one, so that it weighs `1 / sqrt(1 - beta_2**t)` times as
    much.
    """

    CORRECTED = "epsilon beside the corrected moment"
    REORDERED = "epsilon beside the raw moment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Adam:
    """Hyperparameters of Adam (Kingma & Ba 2015), handed alike to both frameworks' stock optimisers."""

    learning_rate: float = 1e-3
    beta_1: float = FLOAT32_0_9
    beta_2: float = FLOAT32_0_999
    epsilon: float = 1e-7


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """The work itself: data, model, optimiser, batches, epochs, precision and seed.

    Raises:
        BadOption: a size below one, more training samples than the data set has, hidden layers that are
            none, too many or too wide, a dropout rate outside [0, 1), or a seed outside 0..2**32-1.

    `hidden` are the widths of the hidden layers, from the inputs to the outputs. Each is followed by ReLU and
    dropout.
    """

    dataset: Dataset = Dataset.MNIST
    batch_size: int = 64
    epochs: int = 5
    precision: Precision = Precision.FP32
    seed: int = 0
    train_samples: int = FULL_TRAIN_SAMPLES
    eval_batch_size: int = 1000
    hidden: tuple[int, ...] = USUAL_HIDDEN
    dropout_rate: float = 0.2
    adam: Adam = field(default_factory=Adam)

    def __post_init__(self) -> None:
        for option, value, most in (
            ("BATCH", self.batch_size, FULL_TRAIN_SAMPLES),
            ("EPOCHS", self.epochs, MOST_EPOCHS),
            ("TRAIN_SAMPLES", self.train_samples, FULL_TRAIN_SAMPLES),
            ("EVAL_BATCH", self.eval_batch_size, TEST_SAMPLES),
        ):
            if not 1 <= value <= most:
                raise BadOption(option, value, f"a whole number from 1 to {most}")
        if self.batch_size > self.train_samples:
            raise BadOption("BATCH", self.batch_size, f"at most the {self.train_samples} training samples")
        widths_fit = all(1 <= units <= MOST_UNITS for units in self.hidden)
        if not (1 <= len(self.hidden) <= MOST_LAYERS and widths_fit):
            raise BadOption("HIDDEN", shape(self.hidden), HIDDEN_ALLOWED)
        if not 0 <= self.seed < 2**32:
            raise BadOption("SEED", self.seed, "a whole number from 0 to 4294967295")
        if not 0 <= self.dropout_rate < 1:
            raise BadOption("DROPOUT", self.dropout_rate, "a rate of at least 0 and below 1")

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps of an epoch, the last partial batch included."""
        return math.ceil(self.train_samples / self.batch_size)

    @property
    def eval_steps(self) -> int:
        return math.ceil(TEST_SAMPLES / self.eval_batch_size)

    @property
    def largest_batch(self) -> int:
        """Samples in the largest batch of any pass, training or evaluation."""
        return max(self.batch_size, self.eval_batch_size)

    @property
    def layers(self) -> tuple[tuple[int, int], ...]:
        """Inputs and outputs of each layer, the last of which gives the logits."""
        return tuple(pairwise((INPUT_FEATURES, *self.hidden, CLASSES)))

    @property
    def parameter_count(self) -> int:
        return sum((inputs + 1) * outputs for inputs, outputs in self.layers)

    @property
    def step_flop(self) -> int:
        """Additions and multiplications in the products of a training step on a full batch.

        Forward, by the inputs and by the kernel, of 2 a weight and sample each; the inputs' own gradient
        is not asked for.
        """
        products = [inputs * outputs for inputs, outputs in self.layers]
        return 2 * self.batch_size * (3 * sum(products) - products[0])


# What `Workload.hidden` may be, in words.
HIDDEN_ALLOWED: Final = (
    f"1 to {MOST_LAYERS} widths from 1 to {MOST_UNITS} joined by x, such as 128 or 512x512"
)


def shape(hidden: tuple[int, ...]) -> str:
    """The widths of hidden layers as they are written: 512x512."""
    return "x".join(map(str, hidden))


def widths(shaped: str) -> tuple[int, ...]:
    """What `shape` has written.

    Raises:
        ValueError: something else.
    """
    return tuple(map(int, shaped.split("x")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How a framework is made to execute the work: a mode, and an implementation of Adam."""

    mode: Mode
    update: Update = Update.STOCK

    @property
    def id(self) -> str:
        """Readable name: the mode, and the implementation where it is not the stock one."""
        return self.mode if self.update is Update.STOCK else f"{self.mode}-{self.update}"


# What each framework's explicit loop is where nothing else is asked: what the others are held against.
USUAL: Final = Way(mode=Mode.LOOP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One workload on one device in one mode: the unit that gets a verdict.

    `workload.seed` is the seed of the first replicate; replicate *r* runs with `seed + r`. `update` is the
    implementation of Adam. `program` is for mode `article` only: another program than the framework's
    listing, see `listings.program_of`; it has its own `update`. Of several `workers`, a process each, every
    one trains on its share of each batch, and all on the gradients that these come to together.

    Raises:
        BadOption: no workers, or too many.
    """

    workload: Workload
    device: str
    mode: Mode
    update: Update = Update.STOCK
    program: Program | None = None
    workers: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.workers <= MOST_WORKERS:
            raise BadOption("WORKERS", self.workers, f"a whole number from 1 to {MOST_WORKERS}")

    @property
    def way(self) -> Way:
        return Way(mode=self.mode, update=self.update)

    @property
    def as_printed(self) -> bool:
        """Whether each framework runs its listing, whose batch sizes are its own."""
        return self.mode is Mode.ARTICLE and self.program is None

    @property
    def id(self) -> str:
        """Readable name, the same in every run that measures this case, whatever its seed."""
        work = self.workload
        parts = [
            work.dataset,
            self.device.replace(":", ""),
            self.mode,
            work.precision,
            *([] if self.as_printed else [f"b{work.batch_size}"]),
            f"e{work.epochs}",
        ]
        if work.train_samples != FULL_TRAIN_SAMPLES:
            parts.append(f"n{work.train_samples}")
        if work.hidden != USUAL_HIDDEN:
            parts.append(f"h{shape(work.hidden)}")
        if self.workers > 1:
            parts.append(f"w{self.workers}")
        if self.update is not Update.STOCK:
            parts.append(self.update)
        if self.program is not None:
            parts.append(self.program.id)
        return "-".join(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialSpec:
    """What one worker is told: its framework, its case and the conditions it must set.

    `case.workload.seed` is the replicate's own seed. `data_root` is a folder in torchvision's layout
    (see `mnist.py`) whose files were verified. `matched` is for proofs, never for timed trials: Adam's
    epsilon sits in one place in both frameworks and dropout multiplies by masks that it is given.
    `planted_share` is for calibration: so many of all training steps are done twice and counted once.
    `repeated` says of a timed trial whether the round of the drawn moment is repeated in parts. `rank` is the
    place of one among the case's `workers`, from 0, and `addresses` says where each of them listens.
    """

    framework: str
    case: Case
    threads: int
    data_root: str
    matched: bool = False
    planted_share: float = 0.0
    repeated: bool = True
    rank: int = 0
    addresses: tuple[str, ...] = ()
