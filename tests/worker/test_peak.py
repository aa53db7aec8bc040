"""A device's peak: what is made of a framework's calls, and that a probe never fails a trial."""

from __future__ import annotations

import json

import pytest

from harness.frameworks import scripted
from harness.worker.peak import peak
from harness.worker.protocol import Do, dump_spec
from tests.frameworks.test_adapters import spec_of


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """What a scripted adapter answers."""

    def ask(**script):
        monkeypatch.setenv("EVENMATCH_SCRIPT_PYTORCH", json.dumps(script))
        return peak(scripted.open_adapter(spec_of("pytorch", "loop", tmp_path)))

    return ask


def test_the_rates_are_those_of_the_framework_s_products_and_copies(asked):
    said = asked(flop_per_s=1e10, bytes_per_s=1e9)
    assert said["reason"] is None
    # A sleep ends late, never early, and the longest calls of all are hardly late.
    assert 0.5e10 < said["flop_per_s"] <= 1e10
    assert 0.5e9 < said["bytes_per_s"] <= 1e9


def test_a_framework_that_offers_no_probe_is_null_with_its_name(asked):
    assert asked() == {
        "flop_per_s": None,
        "bytes_per_s": None,
        "reason": "harness.frameworks.scripted.Scripted offers no probe of its device",
    }


@pytest.mark.parametrize(("event", "said"), [("raise", "RuntimeError"), ("memory", "MemoryError")])
def test_what_a_probe_raises_is_its_reason(asked, event, said):
    answer = asked(flop_per_s=1e10, bytes_per_s=1e9, events={"multiply": event})
    assert answer["flop_per_s"] is answer["bytes_per_s"] is None
    assert (
        answer["reason"]
        == f"{said}: scripted to {'fail' if event == 'raise' else 'find no memory'} at multiply"
    )


@pytest.mark.slow
@pytest.mark.parametrize("framework", ["tensorflow", "pytorch"])
def test_a_real_framework_finds_a_peak_that_leaves_the_trial_as_it_was(framework, small_root, lasting_worker):
    worker = lasting_worker(framework)
    worker.ask(Do.START, timeout_s=300, spec=dump_spec(spec_of(framework, "loop", small_root)))
    worker.ask(Do.TRAIN, timeout_s=300, epoch=0, first=0, last=1000)
    said = worker.ask(Do.PEAK, timeout_s=300)
    assert said["reason"] is None
    assert said["flop_per_s"] > 0
    assert said["bytes_per_s"] > 0
    # It proves its program once more, and tells what memory the trial took.
    assert worker.ask(Do.FINISH, timeout_s=300)["host_peak_bytes"] > 0
