"""What the doctor asks, and of whom."""

from __future__ import annotations

import pytest

from harness.engine import probing
from harness.frameworks import registry
from harness.measure.doctor import Probed
from harness.sessions.examination import examine
from harness.settings.config import resolve


@pytest.fixture
def asked(monkeypatch):
    """What is asked of frameworks and tried of their abilities; a GPU is of no use to any."""
    calls = {"ask": [], "tries": []}

    def ask(framework, device, passed):
        calls["ask"].append((framework, device))
        return Probed(said=f"{framework} on {device}", usable=device == "cpu")

    def tries(framework, ability, device, passed):
        calls["tries"].append((ability.name, device))
        return Probed(said="done", usable=True)

    monkeypatch.setattr(probing, "ask", ask)
    monkeypatch.setattr(probing, "tries", tries)
    return calls


def test_each_is_asked_for_each_device_and_abilities_are_tried_where_it_can_be_used(asked, tmp_path):
    found = {one.name: one for one in examine(resolve({}, {}, tmp_path))}
    each = [(name, device) for device in ("cpu", "cuda") for name in registry.names()]
    assert sorted(asked["ask"]) == sorted(each)
    assert asked["tries"] == [("torch.compile", "cpu")]
    assert found["pytorch on cpu"].state == found["torch.compile on cpu"].state == "ok"
    assert found["pytorch on cuda"].said == "pytorch on cuda"


def test_of_what_stands_in_for_an_adapter_no_ability_is_tried(asked, monkeypatch, tmp_path):
    monkeypatch.setenv("EVENMATCH_ADAPTER_PYTORCH", "harness.frameworks.scripted")
    names = [one.name for one in examine(resolve({}, {}, tmp_path))]
    assert asked["tries"] == []
    assert not any("compile" in name for name in names)
