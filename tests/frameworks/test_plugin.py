"""Another package adds a framework: installed as any package is, without a line of ours being touched."""

from __future__ import annotations

import json
import os
import shutil
import site
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "tests" / "plugin"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        find_spec("pip") is None or find_spec("setuptools") is None, reason="nothing can be installed here"
    ),
]


@pytest.fixture(scope="module")
def user(tmp_path_factory):
    """The interpreter of somebody who has installed the plug-in beside this project's packages."""
    place = tmp_path_factory.mktemp("user")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place / "venv"], check=True)
    (packages,) = (place / "venv").glob("lib/python*/site-packages")
    ours = [folder for folder in site.getsitepackages() if Path(folder).is_dir()]
    lines = [f"import site; site.addsitedir({folder!r})" for folder in ours]
    (packages / "ours.pth").write_text("\n".join(lines) + "\n")
    # Copied: setuptools builds where the sources lie.
    shutil.copytree(PLUGIN, place / "plugin")
    subprocess.run(
        [
            sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index",
            "--no-build-isolation", "--disable-pip-version-check", "--target", packages, place / "plugin",
        ],
        check=True,
    )  # fmt: skip
    return place / "venv" / "bin" / "python"


@pytest.fixture(scope="module")
def harness(user, synthetic_root):
    """Run a command as that user, or as somebody who has not installed the plug-in, in a checkout."""

    def run(*arguments, python=user, **variables):
        settings = (
            os.environ
            | variables
            | {
                "NO_COLOR": "1",
                "COLUMNS": "200",
                "XDG_CACHE_HOME": str(synthetic_root.parent),
            }
        )
        done = subprocess.run(
            [python, "-m", "harness", *map(str, arguments)],
            capture_output=True, text=True, cwd=ROOT, env=settings, check=False, timeout=1800,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="module")
def measured(harness, tmp_path_factory):
    """A run of NumPy against PyTorch: its JSON and its folder."""
    return bench(harness, tmp_path_factory.mktemp("measured"), "numpy,pytorch", replicates=3)


def bench(harness, folder, frameworks, *, replicates):
    """A small run: its JSON and its folder."""
    said = harness(
        "bench", "--frameworks", frameworks, "--dataset", "synthetic", "--train-samples", "1000",
        "--batch-size", "100", "--epochs", "2", "--replicates", replicates, "--budget", "3000",
        "--round", "0.01", "--threads", "1", "--at-best", "no", "--results", folder / "results",
        "--reports", folder / "reports", "--json",
    )  # fmt: skip
    return json.loads(said), folder


def test_its_certificate_holds_against_the_reference(measured):
    _, folder = measured
    findings = pd.read_parquet(folder / "results" / "certificates")
    own = findings[findings["framework"] == "numpy"]
    assert {"steps in fp64", "steps in fp32", "timed step", "whole and parts"} <= set(own["check"])
    assert own["holds"].all()
    assert set(findings["framework"]) == {"numpy", "pytorch"}


def test_it_is_measured_in_turns_with_one_of_ours_and_judged(measured):
    document, folder = measured
    (run,) = document["runs"]
    assert (run["trials_failed"], run["uncertified"]) == (0, [])
    training = next(one for one in run["verdicts"] if one["phase"] == "train")
    assert (training["speed_of"], training["speed_over"]) == ("numpy", "pytorch")
    assert training["verdict"] in {"numpy faster", "pytorch faster", "equivalent", "inconclusive"}
    assert training["speed_ratio_low"] < training["speed_ratio"] < training["speed_ratio_high"]
    assert training["replicates"] == training["numpy"]["replicates"] == training["pytorch"]["replicates"] == 3
    trials = pd.read_parquet(folder / "results" / "trials")
    assert set(trials.loc[trials["seat"] == 0, "framework"]) == {"numpy", "pytorch"}
    assert set(trials.loc[trials["role"] == "control", "framework"]) == {"numpy", "pytorch"}


def test_it_sits_in_one_match_with_both_of_ours(harness, tmp_path):
    document, folder = bench(harness, tmp_path, "tensorflow,numpy,pytorch", replicates=1)
    (run,) = document["runs"]
    assert (run["trials_failed"], run["uncertified"]) == (0, [])
    asked = [(one["speed_of"], one["speed_over"]) for one in run["verdicts"] if one["phase"] == "train"]
    assert asked == [("tensorflow", "numpy"), ("tensorflow", "pytorch"), ("numpy", "pytorch")]
    assert all(one["replicates"] == 1 for one in run["verdicts"])
    trials = pd.read_parquet(folder / "results" / "trials")
    (match,) = trials[trials["role"] == "comparison"].groupby("match_id")["framework"]
    assert list(match[1]) == ["tensorflow", "numpy", "pytorch"]
    page = (folder / "reports" / "summary.html").read_text(encoding="utf-8")
    assert "<h1>TensorFlow, NumPy or PyTorch?</h1>" in page


def test_names_colours_and_versions_on_the_page_follow_from_its_record(measured):
    _, folder = measured
    page = (folder / "reports" / "summary.html").read_text(encoding="utf-8")
    assert "<h1>NumPy or PyTorch?</h1>" in page
    assert "NumPy&#39;s throughput divided by PyTorch&#39;s" in page
    assert "--of-numpy: #00707a" in page
    assert "var(--of-numpy)" in page
    runs = pd.read_parquet(folder / "results" / "runs")
    assert runs["numpy_version"].notna().all()


def test_its_results_are_read_and_drawn_where_it_is_not_installed(measured, harness, tmp_path):
    _, folder = measured
    said = harness(
        "report", "--results", folder / "results", "--reports", tmp_path / "reports", python=sys.executable
    )
    assert "numpy" in said
    assert "NumPy" not in said
    page = (tmp_path / "reports" / "summary.html").read_text(encoding="utf-8")
    assert "<h1>numpy or PyTorch?</h1>" in page


def test_the_doctor_lists_it(harness):
    ours = ("TENSORFLOW", "PYTORCH")
    said = harness("doctor", **{f"EVENMATCH_ADAPTER_{one}": "harness.frameworks.scripted" for one in ours})
    assert "evenmatch-numpy" in said
    assert "NumPy" in said
