"""What is asked of a framework before anything is measured."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from harness.engine import probing
from harness.errors import FrameworkMissing
from harness.frameworks import registry

(COMPILING,) = registry.record("pytorch").abilities


def test_frameworks_that_are_not_installed_are_named_with_what_installs_them(monkeypatch):
    monkeypatch.setattr(probing, "find_spec", lambda module: None if module == "torch" else module)
    said = "pytorch: not installed for this Python; use `make setup`"
    with pytest.raises(FrameworkMissing, match=f"^{said}$"):
        probing.require_frameworks(("tensorflow", "pytorch"))


@pytest.mark.slow
def test_a_compiler_that_is_not_there_is_found_out_by_using_it(monkeypatch):
    made = probing.environment
    monkeypatch.setattr(probing, "environment", lambda **of: made(**of) | {"CXX": "/nonexistent"})
    answer = probing.tries(COMPILING)
    assert not answer.usable
    assert "/nonexistent" in answer.said


@pytest.mark.slow
def test_a_step_that_is_compiled_names_its_compiler():
    answer = probing.tries(COMPILING)
    if not answer.usable:
        pytest.skip(f"nothing can be compiled here: {answer.said}")
    assert answer.said.startswith("/")


@pytest.mark.slow
def test_a_compiler_that_hangs_is_given_up_and_ended(tmp_path, monkeypatch):
    hanging = tmp_path / "c++"
    pid = tmp_path / "pid"
    hanging.write_text(f"#!/bin/sh\necho $$ > {pid}\nexec sleep 600\n")
    hanging.chmod(0o755)
    made = probing.environment
    monkeypatch.setattr(probing, "environment", lambda **of: made(**of) | {"CXX": str(hanging)})
    monkeypatch.setattr(probing, "_TIMEOUT_S", 20.0)
    answer = probing.tries(COMPILING)
    assert (answer.usable, answer.said) == (False, "it was not done within 20 s")
    until_s = time.monotonic() + 5  # the system's own first process may take a moment to bury it
    while pid.exists() and Path("/proc", pid.read_text().strip()).exists():
        assert time.monotonic() < until_s
        time.sleep(0.05)
