"""A planted slow-down takes the share that it was told, step by step."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from harness.frameworks import planted
from harness.frameworks.planted import slowed

STEP_S = 0.002


@pytest.fixture
def clock(monkeypatch):
    """A clock of the test's own, on which every look takes a microsecond: no neighbour can stretch a step."""
    now = SimpleNamespace(s=0.0)

    def look():
        now.s += 1e-6
        return now.s

    monkeypatch.setattr(planted, "time", SimpleNamespace(perf_counter=look))
    return now


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 2.0])
def test_each_step_takes_so_much_longer(clock, share):
    def step(_):
        clock.s += STEP_S

    slower = slowed(step, share)
    for _ in range(3):
        begin_s = clock.s
        slower("batch")
        assert (clock.s - begin_s) / STEP_S == pytest.approx(1 + share, rel=0.005)


def test_the_step_gets_its_batch_once():
    batches = []
    slowed(batches.append, 0.5)("batch")
    assert batches == ["batch"]
