"""The verified data set as arrays that both frameworks get alike."""

from __future__ import annotations

from pathlib import Path

from harness.data import mnist
from harness.frameworks.base import Data
from harness.work import recipe
from harness.work.listings import program_of
from harness.work.program import Scaling
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
