"""The pytest suite: real pytest-benchmark files whose seconds are the worker's own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from harness.engine.known import FEWEST_TURNS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]

# As from a shell: in one of several workers of pytest, pytest-benchmark measures nothing.
OUTSIDE = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}


@pytest.fixture
def harness(commands, tmp_path):
    def run(*arguments):
        return commands.run(*arguments, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, timeout=300)

    return run


@pytest.fixture
def suite(commands, tmp_path, synthetic_root):
    """Run the suite with scripted workers; gives the process and the file it wrote."""

    def run(*arguments, fails=False, mismatch=True):
        events = {"events": {"train 1": "raise"}} if fails else {}
        scripted = {
            f"EVENMATCH_{kind}_{framework}": value
            for framework, train_s in (("TENSORFLOW", 0.05), ("PYTORCH", 0.1))
            for kind, value in (
                ("ADAPTER", "harness.frameworks.scripted"),
                ("SCRIPT", json.dumps({"train_s": train_s} | (events if framework == "PYTORCH" else {}))),
            )
        }
        file = tmp_path / "out.json"
        written = () if "no:benchmark" in arguments else (f"--benchmark-json={file}",)
        done = commands.run(
            "benchmarks", "-q", "--dataset", "synthetic", "--train-samples", "1000", "--batch-size", "100",
            "--round", "0.01", "--epochs", "1", *(["--allow-mismatch"] if mismatch else []),
            *arguments, *written,
            cwd=ROOT, timeout=300,
            env=OUTSIDE | scripted | {"XDG_CACHE_HOME": str(synthetic_root.parent)}, module="pytest",
        )  # fmt: skip
        return done, json.loads(file.read_text()) if file.is_file() else None

    return run


def test_each_round_holds_the_workers_seconds_and_nothing_else(suite):
    done, written = suite("-k", "train", "--epochs", "3", "--replicates", "1")
    assert done.returncode == 0, done.stdout
    medians = {one["extra_info"]["framework"]: one["stats"]["median"] for one in written["benchmarks"]}
    assert medians["tensorflow"] == pytest.approx(0.05, rel=0.1)
    assert medians["pytorch"] == pytest.approx(0.1, rel=0.1)
    # At most a quarter is warm-up.
    least = FEWEST_TURNS * 3 // 4
    assert all(least <= one["stats"]["rounds"] <= FEWEST_TURNS for one in written["benchmarks"])
    assert len({one["group"] for one in written["benchmarks"]}) == 1


def test_throughput_accuracy_memory_certificate_and_trials_go_with_each_benchmark(suite):
    _, written = suite("-k", "train", "--replicates", "2")
    for one in written["benchmarks"]:
        extra = one["extra_info"]
        assert extra["samples_per_s"] == pytest.approx(1000 / one["stats"]["median"], rel=1e-3)
        assert extra["accuracy"] == 0.97
        assert extra["host_peak_bytes"] > 0
        assert extra["certified"] is False
        assert extra["certificate_id"]
        assert len(extra["trial_ids"]) == extra["replicates"] == 2


def test_both_frameworks_of_a_case_are_measured_in_turns_and_once(suite):
    _, written = suite("--replicates", "1", "--epochs", "2")
    rounds = written["evenmatch"]["rounds"]
    assert len(written["benchmarks"]) == 6
    roles = [one["role"] for one in written["evenmatch"]["trials"]]
    assert sorted(roles) == ["comparison"] * 2 + ["learning"] * 2
    train = sorted(
        (one["started_s"], one["framework"])
        for one in rounds
        if one["phase"] == "train" and one["role"] == "comparison"
    )
    assert {train[0][1], train[1][1]} == {train[2][1], train[3][1]} == {"tensorflow", "pytorch"}


def test_a_failed_case_is_a_failure_and_is_in_the_file(suite):
    done, written = suite("--replicates", "2", fails=True)
    assert done.returncode == 1
    assert (
        "2 of 2 trials failed, first with: raised: RuntimeError: scripted to fail at train 1" in done.stdout
    )
    assert {one["extra_info"]["framework"] for one in written["benchmarks"]} == {"tensorflow"}
    failed = [one for one in written["evenmatch"]["trials"] if one["status"] == "failed"]
    assert {one["framework"] for one in failed} == {"pytorch"}


def test_a_first_comparison_is_a_notice_and_measures_all_the_same(suite, tmp_path):
    done, written = suite(
        "-k", "train", "--replicates", "1", "--benchmark-compare", f"--benchmark-storage={tmp_path / 'none'}"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Can't compare" in done.stdout + done.stderr
    assert len(written["benchmarks"]) == 2


def test_a_case_without_its_certificate_is_one_failure_a_test(suite):
    done, _ = suite(mismatch=False)
    assert re.search(r"^6 failed in", done.stdout, flags=re.MULTILINE), done.stdout


def test_a_case_without_its_certificate_fails_with_the_reason_and_is_not_measured(suite):
    done, written = suite("-k", "train", mismatch=False)
    assert done.returncode == 1
    assert "certificate failed at" in done.stdout
    assert "cannot be asked for evidence" in done.stdout
    assert written is None


def test_the_file_is_brought_into_results_once_and_reported(suite, harness, tmp_path):
    _, written = suite("--replicates", "2")
    assert harness("import", "out.json").returncode == 0
    trials = pd.read_parquet(tmp_path / "results" / "trials")
    assert set(trials["trial_id"]) == {one["trial_id"] for one in written["evenmatch"]["trials"]}
    assert len(pd.read_parquet(tmp_path / "results" / "rounds")) == len(written["evenmatch"]["rounds"])
    reported = harness("report")
    assert reported.returncode == 0, reported.stderr
    assert "pytest" in (tmp_path / "reports" / "summary.html").read_text()
    again = harness("import", "out.json")
    assert again.returncode == 2
    assert "is in results already; nothing was brought in" in again.stderr
    assert len(pd.read_parquet(tmp_path / "results" / "trials")) == len(trials)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("no json", "FILE=other.json: cannot be read"),
        ('{"benchmarks": []}', "FILE=other.json: holds no run"),
        ('{"evenmatch": {"run_id": "r", "schema_version": 3}}', "is no run of this project"),
        ('{"evenmatch": {"run_id": "r", "schema_version": 99}}', "written with schema 99"),
    ],
)
def test_another_file_is_refused_in_one_line(harness, tmp_path, content, complaint):
    (tmp_path / "other.json").write_text(content)
    done = harness("import", "other.json")
    assert done.returncode == 2
    assert complaint in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_pytest_benchmark_compares_the_file(suite, tmp_path):
    suite("-k", "train", "--replicates", "1")
    command = [str(Path(sys.executable).with_name("pytest-benchmark")), "compare", "out.json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert "benchmark 'train synthetic-cpu-loop" in done.stdout
    assert all(framework in done.stdout for framework in ("tensorflow", "pytorch"))


def test_under_xdist_it_refuses_because_two_measurements_spoil_both():
    """Without the plugin at hand: whatever registers as its session counts."""
    code = (
        "import sys, types, pytest; plugin = types.ModuleType('p');"
        "plugin.pytest_configure = pytest.hookimpl(tryfirst=True)("
        "lambda config: config.pluginmanager.register(object(), 'dsession'));"
        "sys.exit(pytest.main(['benchmarks', '-q'], plugins=[plugin]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 4
    assert "two measurements at once spoil both" in done.stderr + done.stdout


def test_switched_off_it_skips_with_a_reason(suite):
    done, _ = suite("-p", "no:benchmark", "-rs")
    assert done.returncode == 0, done.stdout
    assert "pytest-benchmark is switched off" in done.stdout


def test_disabled_it_still_runs_each_case_once(suite):
    done, _ = suite("-k", "evaluate", "--benchmark-disable", "--replicates", "1")
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


def test_a_bad_option_is_told_before_any_work(suite):
    done, _ = suite("--mode", "fast")
    assert done.returncode == 4
    assert "MODE=fast: not allowed" in done.stderr
