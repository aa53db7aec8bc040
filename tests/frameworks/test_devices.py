"""What PyTorch says of a GPU that it cannot use, with what its build asks of a machine beside it."""

from __future__ import annotations

import pytest

from harness.errors import DeviceUnavailable

pytestmark = pytest.mark.slow

NEEDS = "CUDA 13 needs driver 580 or newer and a Turing GPU"


@pytest.mark.parametrize(
    ("built", "said", "hint"),
    [
        ("13.0", "The NVIDIA driver on your system is too old (found version 12040).", True),
        ("13.0", "CUDA error: no kernel image is available for execution on the device\nmore", True),
        ("12.8", "The NVIDIA driver on your system is too old (found version 11040).", False),
        (None, "Torch not compiled with CUDA enabled", False),
    ],
)
def test_a_refusal_names_the_driver_and_the_cards_that_its_build_needs(monkeypatch, built, said, hint):
    # Imported when needed: every process of the tests collects this file.
    import torch  # noqa: PLC0415

    from harness.frameworks.pytorch import device  # noqa: PLC0415

    def zeros(*_, **__):
        raise RuntimeError(said)

    monkeypatch.setattr(torch, "zeros", zeros)
    monkeypatch.setattr(torch.version, "cuda", built)
    with pytest.raises(DeviceUnavailable) as refused:
        device.probe("cuda")
    sentence = str(refused.value)
    assert said.splitlines()[0].rstrip(".") in sentence
    assert (NEEDS in sentence) == hint
    assert "\n" not in sentence
