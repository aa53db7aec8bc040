"""On a GPU Keras has XLA compile `fit`; what XLA makes of it, dropout included, is proven on the CPU."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def certificates(small_root):
    command = [sys.executable, "-m", "tests.parity.compiled_fit", str(small_root)]
    return json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)


def test_what_fit_runs_under_xla_has_its_certificate(certificates):
    said = certificates["AsOnGpu"]
    assert said["execution"] == "compiled"
    assert {"dropout", "timed step", "whole and parts"} <= set(said["checks"])
    assert said["failed"] == []


def test_masks_that_fit_does_not_use_are_found_by_the_step_that_it_runs(certificates):
    assert certificates["OtherMasks"]["failed"] == ["timed step"]
