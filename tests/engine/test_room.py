"""As many contenders in a match as memory holds, with room left."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest

from harness.engine.room import room_for
from harness.measure import host

GIB = 2**30


@dataclass
class Seated:
    resident_bytes: int | None = GIB
    device_bytes: int | None = None


@dataclass
class Card:
    total_bytes: int | None
    free_bytes: int | None


@pytest.fixture
def memory(monkeypatch):
    def have(*, total, available):
        monkeypatch.setattr(host, "memory_bytes", lambda: total * GIB)
        monkeypatch.setattr(host, "available_bytes", lambda: available * GIB)

    return have


def test_what_is_free_is_shared_by_workers_that_may_grow_and_some_is_left(memory):
    memory(total=20, available=10)
    # 10 less a tenth of 20, less a quarter for each of two that have started: 6 of 1.25 each.
    assert room_for([Seated(), Seated()], None) == 6


def test_a_limit_on_the_process_counts_as_well_as_what_the_machine_has(memory):
    memory(total=4, available=100)
    assert room_for([Seated(), Seated()], None) == 0


def test_what_the_run_holds_beside_its_workers_counts_against_the_limit(memory):
    memory(total=20, available=100)
    assert room_for([Seated(), Seated()], None, 5 * GIB) == room_for([Seated(), Seated()], None) - 4


def test_the_largest_worker_is_what_the_next_may_be(memory):
    memory(total=20, available=12)
    assert room_for([Seated(resident_bytes=GIB // 2), Seated(resident_bytes=2 * GIB)], None) == 3


def test_workers_that_could_not_be_looked_at_set_no_limit(memory):
    memory(total=20, available=10)
    assert room_for([Seated(resident_bytes=None)], None) == math.inf


def test_there_is_never_less_than_no_room(memory):
    memory(total=20, available=0)
    assert room_for([Seated()], None) == 0


def test_on_a_gpu_the_smaller_room_decides(memory):
    memory(total=100, available=90)
    seats = [Seated(device_bytes=2 * GIB)]
    assert room_for(seats, Card(total_bytes=20 * GIB, free_bytes=10 * GIB)) == 3
    assert room_for(seats, Card(total_bytes=20 * GIB, free_bytes=None)) > 50
