"""A process that uses a GPU is a worker's, a stranger's, or numbered by another system."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from harness.measure import host
from harness.measure.owners import Owners

# No system numbers processes up to here.
NOWHERE = 2**22 + 1


@pytest.fixture
def inside(monkeypatch):
    """A function that says whether this is a container."""
    return lambda container: monkeypatch.setattr(host, "counts_own_processes", lambda: container)


def test_a_worker_and_what_it_starts_are_a_contenders_and_others_are_not():
    owners = Owners()
    owners.follow("a", os.getpid())
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert owners.name_of(child.pid) == owners.name_of(os.getpid()) == "a"
        child.communicate(b"\n")
    assert owners.name_of(os.getppid()) is None
    assert not owners.numbers_are_hosts


@pytest.mark.parametrize(("container", "told"), [(True, True), (False, False)])
def test_a_process_that_is_listed_twice_and_is_not_there_is_the_hosts(inside, container, told):
    inside(container)
    owners = Owners()
    assert owners.name_of(NOWHERE) is None
    assert not owners.numbers_are_hosts
    assert owners.name_of(NOWHERE) is None
    assert owners.numbers_are_hosts == told


def test_a_worker_whose_number_was_listed_before_it_was_started_is_another_process():
    owners = Owners()
    owners.name_of(os.getpid())
    owners.begin()
    owners.follow("a", os.getpid())
    assert owners.numbers_are_hosts


def test_a_worker_that_is_listed_before_it_is_followed_is_a_contenders_all_the_same():
    """The device is asked every few hundredths of a second, also between a start and its being told."""
    owners = Owners()
    owners.begin()
    assert owners.name_of(os.getpid()) is None
    owners.follow("a", os.getpid())
    assert owners.name_of(os.getpid()) == "a"
    assert not owners.numbers_are_hosts


def test_a_container_counts_its_own_processes_and_a_system_that_does_not_say_may(tmp_path):
    numbers = tmp_path / "pid"
    assert host.counts_own_processes(numbers)
    numbers.symlink_to("pid:[4026531836]")
    assert not host.counts_own_processes(numbers)
    numbers.unlink()
    numbers.symlink_to("pid:[4026532198]")
    assert host.counts_own_processes(numbers)
