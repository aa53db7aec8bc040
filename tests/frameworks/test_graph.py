"""Mode `graph` without a GPU: what a CUDA graph would read is there as long as it can be replayed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def captures():
    """By adapter and batch size: how many storages a capture reads from outside it, how many are gone."""
    command = [sys.executable, "-m", "tests.frameworks.capture_inputs"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_whatever_a_captured_step_reads_outlives_its_capture(captures):
    found = captures["OnCpu"]
    assert set(found) == {"64", "8"}
    assert all(read > 10 and gone == 0 for read, gone in found.values())


def test_a_graph_that_is_kept_without_its_step_is_found_to_read_freed_memory(captures):
    assert all(gone > 0 for _, gone in captures["Forgetful"].values())
