"""TensorFlow's adapter: the case's mode picks the way. Importing a way is the import that start-up times."""

from __future__ import annotations

from harness.frameworks.base import Adapter
from harness.frameworks.tensorflow.device import probe
from harness.frameworks.tensorflow.graph import TensorFlowGraph
from harness.frameworks.tensorflow.idiomatic import TensorFlowIdiomatic
from harness.frameworks.tensorflow.mlp import TensorFlowMlp
from harness.frameworks.tensorflow.program import TensorFlowProgram
from harness.work.workload import Mode, TrialSpec

__all__ = ["open_adapter", "probe"]


def open_adapter(spec: TrialSpec) -> Adapter:
    """The adapter for the spec's mode, or for one of several workers."""
    if spec.case.workers > 1:
        # Imported here: what it needs of TensorFlow is no part of a start of one worker.
        from harness.frameworks.tensorflow.distributed import TensorFlowDistributed  # noqa: PLC0415

        return TensorFlowDistributed(spec)
    ways: dict[Mode, type[TensorFlowMlp]] = {
        Mode.IDIOMATIC: TensorFlowIdiomatic,
        Mode.GRAPH: TensorFlowGraph,
        Mode.ARTICLE: TensorFlowProgram,
    }
    return ways.get(spec.case.mode, TensorFlowMlp)(spec)
