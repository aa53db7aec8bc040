"""The two listings of the article that started the project, as cases: what each of them has typed.

They are different work: other batch sizes, other inputs, other first weights. So a case of mode `article`
has no certificate, and what tells them apart is measured by `harness explain`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Final

from harness.work.program import (
    Initial,
    Metrics,
    Output,
    Pipeline,
    Program,
    Progress,
    Scaling,
    Step,
    Update,
)
from harness.work.workload import USUAL_HIDDEN, Adam, Case, Mode, Precision, Workload

# The two frameworks that the article has a listing for, by the names of their records.
TENSORFLOW: Final = "tensorflow"
PYTORCH: Final = "pytorch"

PROGRAMS: Final[Mapping[str, Program]] = {
    TENSORFLOW: Program(
        scaling=Scaling.RAW,
        pipeline=Pipeline.ARRAYS,
        output=Output.PROBABILITIES,
        initial=Initial.GLOROT,
        # Not typed: `fit` traces its step unless it is told otherwise.
        step=Step.TRACED,
        metrics=Metrics.ACCURACY,
        # Not typed either.
        progress=Progress.BAR,
    ),
    PYTORCH: Program(
        scaling=Scaling.NORMALISED,
        pipeline=Pipeline.LOADER,
        output=Output.LOG_PROBABILITIES,
        initial=Initial.FAN_IN,
        step=Step.EAGER,
        metrics=Metrics.NONE,
        progress=Progress.SILENT,
    ),
}

# Levels of a program that one of the two alone has. A path between two programs crosses over where neither
# has one.
ONLY: Final[Mapping[str, frozenset[StrEnum]]] = {
    TENSORFLOW: frozenset({Step.TRACED, Step.COMPILED, Progress.BAR}),
    PYTORCH: frozenset({Pipeline.LOADER, Update.FOR_LOOP, Update.FOREACH, Update.FUSED}),
}

# Keras's batch sizes and each optimiser's constants are defaults that nobody typed.
BATCH_SIZES: Final[Mapping[str, int]] = {TENSORFLOW: 32, PYTORCH: 64}
EVAL_BATCH_SIZES: Final[Mapping[str, int]] = {TENSORFLOW: 32, PYTORCH: 1000}
ADAM: Final[Mapping[str, Adam]] = {
    TENSORFLOW: Adam(),
    PYTORCH: Adam(beta_1=0.9, beta_2=0.999, epsilon=1e-8),
}


def listed(workload: Workload, framework: str, device: str) -> Case:
    """A framework's listing as a case: its own batch sizes, constants, layer and fp32, else as in `workload`.

    Both listings' cases have one id: they meet in one match.

    Raises:
        BadOption: fewer training samples than the listing has in a batch.
    """
    own = replace(
        workload,
        precision=Precision.FP32,
        hidden=USUAL_HIDDEN,
        batch_size=BATCH_SIZES[framework],
        eval_batch_size=EVAL_BATCH_SIZES[framework],
        adam=ADAM[framework],
    )
    return Case(workload=own, device=device, mode=Mode.ARTICLE)


def program_of(case: Case, framework: str) -> Program | None:
    """What is typed in a case: in mode `article` its program or the framework's listing; else None."""
    if case.mode is not Mode.ARTICLE:
        return None
    return case.program or PROGRAMS[framework]
