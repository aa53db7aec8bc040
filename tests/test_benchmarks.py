"""The pytest suite: real pytest-benchmark files whose seconds are the worker's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]


@pytest.fixture
def suite(tmp_path, synthetic_root):
    """Run the suite with scripted workers; gives the process and the file it wrote."""

    def run(*arguments):
        scripted = {
            f"EVENMATCH_{kind}_{framework}": value
            for framework, train_s in (("TENSORFLOW", 0.05), ("PYTORCH", 0.1))
            for kind, value in (
                ("ADAPTER", "harness.frameworks.scripted"),
                ("SCRIPT", json.dumps({"train_s": train_s})),
            )
        }
        file = tmp_path / "out.json"
        written = () if "no:benchmark" in arguments else (f"--benchmark-json={file}",)
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "benchmarks", "-q", "--dataset", "synthetic",
             "--batch-size", "100", *arguments, *written],
            capture_output=True, text=True, cwd=ROOT, check=False,
            env=os.environ | scripted | {"XDG_CACHE_HOME": str(synthetic_root.parent)},
        )  # fmt: skip
        return done, json.loads(file.read_text()) if file.is_file() else None

    return run


def test_each_round_holds_the_workers_seconds_and_nothing_else(suite):
    done, written = suite("-k", "train", "--epochs", "4")
    assert done.returncode == 0, done.stdout
    medians = {one["extra_info"]["framework"]: one["stats"]["median"] for one in written["benchmarks"]}
    assert medians["tensorflow"] == pytest.approx(0.05, rel=0.1)
    assert medians["pytorch"] == pytest.approx(0.1, rel=0.1)
    assert {one["stats"]["rounds"] for one in written["benchmarks"]} == {4}
    assert len({one["group"] for one in written["benchmarks"]}) == 1


def test_throughput_accuracy_and_memory_go_with_each_benchmark(suite):
    _, written = suite("-k", "train")
    for one in written["benchmarks"]:
        extra = one["extra_info"]
        assert extra["samples_per_s"] == pytest.approx(60_000 / one["stats"]["median"])
        assert extra["accuracy"] == 0.97
        assert extra["host_peak_bytes"] > 0


def test_switched_off_it_skips_with_a_reason(suite):
    done, _ = suite("-p", "no:benchmark", "-rs")
    assert done.returncode == 0, done.stdout
    assert "pytest-benchmark is switched off" in done.stdout


def test_disabled_it_still_runs_each_case_once(suite):
    done, _ = suite("-k", "evaluate", "--benchmark-disable")
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


def test_a_bad_option_is_told_before_any_work(suite):
    done, _ = suite("--mode", "fast")
    assert done.returncode == 4
    assert "MODE=fast: not allowed" in done.stderr
