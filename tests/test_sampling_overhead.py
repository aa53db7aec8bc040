"""What watching costs: the ratio that is told, and a real run of it on the stub."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.sampling_overhead import told

ROOT = Path(__file__).parents[1]


def test_a_sampler_that_takes_two_percent_is_told_as_a_speed_below_one():
    rounds = pd.DataFrame(
        [
            {"replicate": replicate, "on_s": 1.02 * (1 + 0.001 * replicate), "off_s": 1.0, "sample_s": 0.0005}
            for replicate in range(5)
            for _ in range(4)
        ]
    )
    assert told(rounds).startswith("speed with the sampler over without 0.978")
    assert told(rounds).endswith("5 replicates, 0.50 ms a sample")


def command(*arguments, **environment):
    scripted = {
        f"EVENMATCH_ADAPTER_{name}": "harness.frameworks.scripted" for name in ("TENSORFLOW", "PYTORCH")
    }
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.sampling_overhead", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | scripted | environment,
        check=False,
    )


@pytest.mark.slow
def test_every_turn_is_kept_and_the_sampler_was_on_in_half_of_them(nvml_stub, synthetic_root, tmp_path):
    done = command(
        "--replicates", "1", "--rounds", "2", "--dataset", "synthetic",
        "--output", str(tmp_path / "turns.csv"),
        LD_LIBRARY_PATH=str(nvml_stub), XDG_CACHE_HOME=str(synthetic_root.parent),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    turns = pd.read_csv(tmp_path / "turns.csv")
    assert turns["framework"].tolist() == ["tensorflow"] * 2 + ["pytorch"] * 2
    assert turns[["on_s", "off_s", "sample_s"]].gt(0).all(axis=None)


@pytest.mark.slow
def test_without_anything_to_sample_it_says_so_in_one_line(tmp_path):
    (tmp_path / "libnvidia-ml.so.1").touch()
    done = command(LD_LIBRARY_PATH=str(tmp_path))
    assert done.returncode == 2
    assert "there is nothing to sample. NVML: NVML Shared Library Not Found" in done.stderr.replace("\n", " ")
