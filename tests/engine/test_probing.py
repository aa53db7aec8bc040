"""What is asked of a framework before anything is measured."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from harness.engine import probing

pytestmark = pytest.mark.slow


def test_a_compiler_that_is_not_there_is_found_out_by_using_it(monkeypatch):
    made = probing.environment
    monkeypatch.setattr(probing, "environment", lambda **of: made(**of) | {"CXX": "/nonexistent"})
    answer = probing.compiles()
    assert not answer.usable
    assert "/nonexistent" in answer.said


def test_a_step_that_is_compiled_names_its_compiler():
    answer = probing.compiles()
    if not answer.usable:
        pytest.skip(f"nothing can be compiled here: {answer.said}")
    assert answer.said.startswith("/")


def test_a_compiler_that_hangs_is_given_up_and_ended(tmp_path, monkeypatch):
    hanging = tmp_path / "c++"
    pid = tmp_path / "pid"
    hanging.write_text(f"#!/bin/sh\necho $$ > {pid}\nexec sleep 600\n")
    hanging.chmod(0o755)
    made = probing.environment
    monkeypatch.setattr(probing, "environment", lambda **of: made(**of) | {"CXX": str(hanging)})
    monkeypatch.setattr(probing, "_TIMEOUT_S", 20.0)
    answer = probing.compiles()
    assert (answer.usable, answer.said) == (False, "a step was not compiled within 20 s")
    until_s = time.monotonic() + 5  # the system's own first process may take a moment to bury it
    while pid.exists() and Path("/proc", pid.read_text().strip()).exists():
        assert time.monotonic() < until_s
        time.sleep(0.05)
