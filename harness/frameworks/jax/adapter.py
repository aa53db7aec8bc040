"""JAX's adapter: the case's mode picks the way. Importing a way is the import that start-up times."""

from __future__ import annotations

from harness.frameworks.base import Adapter
from harness.frameworks.jax.device import probe
from harness.frameworks.jax.graph import JaxGraph
from harness.frameworks.jax.mlp import JaxMlp
from harness.work.workload import Mode, TrialSpec

__all__ = ["open_adapter", "probe"]


def open_adapter(spec: TrialSpec) -> Adapter:
    """The adapter for the spec's mode."""
    return JaxGraph(spec) if spec.case.mode is Mode.GRAPH else JaxMlp(spec)
