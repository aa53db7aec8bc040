"""What frameworks take before any work: asked of each, but never at the cost of a desktop."""

from __future__ import annotations

import pytest

from harness.engine import footprint
from harness.measure import nvml
from harness.settings.presets import FRAMEWORKS
from harness.work.records import GpuUse

USE = GpuUse(
    name="Card", uuid="GPU-0", process_peak_bytes=7, process_reason=None, device_peak_bytes=7, left_bytes=0,
    energy_source=None, samples=1, sample_s=0.1, ended_because=None,
)  # fmt: skip


@pytest.fixture
def asked(monkeypatch):
    """Columns for a card, and which ways of taking memory were tried for them."""

    def columns(*, draws_screen):
        tried = []

        def use(framework, device, gpu, passed, memory):
            tried.append((framework, dict(memory)))
            return USE

        gpu = nvml.Gpu(index=0, name="Card", uuid="GPU-0", total_bytes=1, draws_screen=draws_screen)
        monkeypatch.setattr(nvml, "gpu_of", lambda device: gpu)
        monkeypatch.setattr(footprint, "_use", use)
        return footprint.columns(FRAMEWORKS, ["cpu", "cuda:0"]), tried

    return columns


def test_a_card_of_its_own_is_asked_for_both_frameworks_and_tensorflows_default(asked):
    columns, tried = asked(draws_screen=False)
    assert tried == [
        ("tensorflow", {}),
        ("tensorflow", {"TF_FORCE_GPU_ALLOW_GROWTH": "false"}),
        ("pytorch", {}),
    ]
    assert (columns["tensorflow_default_bytes"], columns["context_reason"]) == (7, None)


def test_on_a_card_that_draws_a_screen_nobody_takes_all_memory_and_the_null_has_a_reason(asked):
    columns, tried = asked(draws_screen=True)
    assert tried == [("tensorflow", {}), ("pytorch", {})]
    assert columns.get("tensorflow_default_bytes") is None
    assert "draws a screen" in columns["context_reason"]
    assert columns["pytorch_context_bytes"] == 7


def test_without_a_gpu_nothing_is_asked():
    assert footprint.columns(FRAMEWORKS, ["cpu"]) == {"context_reason": "nothing ran on a GPU"}
