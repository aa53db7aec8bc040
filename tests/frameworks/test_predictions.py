"""A prediction that is timed ends with its logits in the host's memory, in every framework alike."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.settings.presets import FRAMEWORKS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_answer_is_an_array_on_the_host_and_the_logits_of_its_samples(framework, small_root):
    command = [sys.executable, "-m", "tests.frameworks.predictions", framework, str(small_root)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    for kind, off in json.loads(done.stdout).values():
        assert kind == "ndarray"
        assert off < 1e-5
