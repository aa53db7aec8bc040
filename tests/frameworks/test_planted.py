"""A planted slow-down takes the share that it was told, step by step."""

from __future__ import annotations

import time

import pytest

from harness.frameworks.planted import slowed


def busy(wall_s):
    until_s = time.perf_counter() + wall_s
    while time.perf_counter() < until_s:
        pass


@pytest.mark.parametrize("share", [0.0, 0.5, 2.0])
def test_each_step_takes_so_much_longer(share):
    """At least that much always, and not much more at the best of twenty, which no neighbour has hit."""
    step = slowed(busy, share)
    taken_s = []
    for _ in range(20):
        started_s = time.perf_counter()
        step(0.002)
        taken_s.append(time.perf_counter() - started_s)
    assert min(taken_s) / 0.002 == pytest.approx(1 + share, rel=0.05)


def test_the_step_gets_its_batch_once():
    batches = []
    slowed(batches.append, 0.5)("batch")
    assert batches == ["batch"]
