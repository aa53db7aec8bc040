"""PyTorch's adapter for mode `graph` with everything but the capture, which takes a GPU.

`EVENMATCH_ADAPTER_PYTORCH=tests.frameworks.uncaptured`
"""

from __future__ import annotations

from types import SimpleNamespace

from harness.frameworks.pytorch.adapter import probe
from harness.frameworks.pytorch.graph import Captured, TorchGraph
from harness.frameworks.pytorch.mlp import TorchMlp

__all__ = ["open_adapter", "probe"]


class Uncaptured(TorchGraph):
    """What would be replayed is run."""

    def _captured(self, size):
        step = self._step_at_position(size)

        def run():
            self.model.train()
            step()

        return Captured(graph=SimpleNamespace(replay=run), step=step)

    def _adam(self, **kernel):
        return TorchMlp._adam(self, **kernel, fused=True)


def open_adapter(spec):
    return Uncaptured(spec)
