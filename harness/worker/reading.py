"""The verified data set, as arrays that both frameworks get alike."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.data import mnist
from harness.frameworks.base import Data
from harness.parity.reference import Samples
from harness.work import recipe
from harness.work.listings import program_of
from harness.work.program import Scaling
from harness.work.recipe import Inputs, Order
from harness.work.workload import TrialSpec


def read_data(spec: TrialSpec) -> Data:
    """Decode and scale the verified files; both frameworks get the very same arrays.

    Only in mode `article` each program has its own scaling.
    """
    workload = spec.case.workload
    program = program_of(spec.case, spec.framework)
    scaling = program.scaling if program else Scaling.NORMALISED
    images = mnist.load(Path(spec.data_root), workload.dataset)
    kept = workload.train_samples
    return Data(
        train_inputs=recipe.scaled(images.train_images[:kept], scaling, workload.precision),
        train_labels=images.train_labels[:kept].astype("int64"),
        test_inputs=recipe.scaled(images.test_images, scaling, workload.precision),
        test_labels=images.test_labels.astype("int64"),
        root=spec.data_root,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Both halves of the data set, read anew: a worker keeps nothing of it beside what its framework has."""

    train: Samples
    test: Samples


def read_samples(spec: TrialSpec) -> Split:
    """The normalised inputs that `read_data` gives, row by row as they are asked for."""
    workload = spec.case.workload
    images = mnist.load(Path(spec.data_root), workload.dataset)

    def of(pixels: NDArray[np.uint8], labels: NDArray[np.uint8]) -> Samples:
        def inputs(rows: Order) -> Inputs:
            return recipe.normalised(pixels[rows], workload.precision)

        return Samples(inputs=inputs, labels=labels.astype(np.int64))

    kept = workload.train_samples
    return Split(
        train=of(images.train_images[:kept], images.train_labels[:kept]),
        test=of(images.test_images, images.test_labels),
    )
