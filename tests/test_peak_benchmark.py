"""The run's peak held against NumPy's: what is told, and a real comparison with scripted workers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.peak import Found, told

ROOT = Path(__file__).parents[1]


def found(who, turn, flop_per_s):
    return Found(precision="fp32", who=who, turn=turn, flop_per_s=flop_per_s)


def test_the_best_of_all_turns_counts_on_both_sides():
    turns = [
        found("tensorflow", 0, 80e9), found("pytorch", 0, 50e9), found("numpy", 0, 99e9),
        found("pytorch", 1, 95e9), found("tensorflow", 1, 1e9), found("numpy", 1, 100e9),
    ]  # fmt: skip
    assert list(told(turns)) == [
        "fp32: GFLOP/s tensorflow 80.0, pytorch 95.0, numpy 100.0; the run's over NumPy's 0.950"
    ]


def test_a_number_format_that_numpy_has_not_is_told_without_it():
    assert list(told([found("pytorch", 0, 5e9)])) == ["fp32: GFLOP/s pytorch 5.0"]


@pytest.mark.slow
def test_workers_and_numpy_are_asked_with_the_same_threads(synthetic_root):
    scripted = {}
    for name in ("TENSORFLOW", "PYTORCH"):
        scripted[f"EVENMATCH_ADAPTER_{name}"] = "harness.frameworks.scripted"
        scripted[f"EVENMATCH_SCRIPT_{name}"] = '{"flop_per_s": 1e10, "bytes_per_s": 1e10}'
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.peak", "--turns", "1", "--precision", "fp32", "--threads", "1"],
        capture_output=True, text=True, cwd=ROOT, check=False,
        env=os.environ | scripted | {"XDG_CACHE_HOME": str(synthetic_root.parent)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    line = done.stdout.strip()
    assert set(re.findall(r"(tensorflow|pytorch|numpy) \d+\.\d", line)) == {"tensorflow", "pytorch", "numpy"}
    assert re.search(r"the run's over NumPy's \d+\.\d{3}$", line)
