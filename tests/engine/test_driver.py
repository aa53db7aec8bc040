"""What is said where a driver is there and cannot be used: the real frameworks, on a driver that pretends."""

from __future__ import annotations

import pytest

from harness.engine import probing
from harness.errors import DeviceUnavailable
from harness.settings.presets import FRAMEWORKS

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """A busy machine imports a framework for minutes."""
    monkeypatch.setattr(probing, "_TIMEOUT_S", 600.0)


@pytest.fixture
def said(driver_stub, monkeypatch):
    """A function that gives what a framework says of a GPU, on a driver that is as the words tell."""
    monkeypatch.setenv("LD_LIBRARY_PATH", str(driver_stub))

    def ask(framework, **stub):
        names = {f"CUDA_STUB_{name.upper()}": str(value) for name, value in stub.items()}
        for name, value in names.items():
            monkeypatch.setenv(name, value)
        answer = probing.ask(framework, "cuda", tuple(names))
        assert not answer.usable
        assert len(answer.said.splitlines()) == 1
        return answer.said

    return ask


def test_a_driver_too_old_for_pytorchs_cuda_is_called_that(said):
    assert "driver on your system is too old (found version 12040)" in said("pytorch", version=12040)


def test_a_driver_that_does_not_start_is_named_by_its_own_error(said):
    assert "for the driver says CUDA_ERROR_NO_DEVICE" in said("tensorflow", init=100)
    assert "No CUDA GPUs are available" in said("pytorch", init=100)


def test_a_driver_that_takes_its_time_is_waited_for(said):
    """Without nvidia-persistenced it is loaded anew by each first process that asks."""
    assert "operation not supported" in said("pytorch", init_s=3)


def test_without_a_driver_that_is_what_is_said(monkeypatch, tmp_path):
    (tmp_path / "libcuda.so.1").write_text("no library")
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    assert "for there is no driver (libcuda.so.1)" in probing.ask("tensorflow", "cuda").said


def test_a_device_that_one_of_both_cannot_use_is_refused_in_one_line(said, monkeypatch):
    monkeypatch.setenv("EVENMATCH_ADAPTER_TENSORFLOW", "harness.frameworks.scripted")
    with pytest.raises(DeviceUnavailable) as refusal:
        probing.require_device(FRAMEWORKS, "cuda")
    (line,) = str(refusal.value).splitlines()
    assert line.startswith("DEVICE=cuda: not available. scripted on cuda; PyTorch ")
    assert line.endswith(". Use DEVICE=cpu")
