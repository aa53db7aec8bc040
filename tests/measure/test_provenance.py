"""Every column of a run is filled or null, nothing secret is stored, no framework is imported."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest

from harness.frameworks.tensorflow import cuda
from harness.measure import provenance
from harness.store.schema import RUNS


def test_every_column_belongs_to_the_runs_table():
    columns = provenance.columns(threads=1)
    assert set(columns) <= set(RUNS.names)
    assert columns["cpu_usable"] >= 1
    assert columns["memory_bytes"] > 0


def test_versions_come_from_the_installed_packages():
    columns = provenance.columns(threads=1)
    packages = json.loads(columns["packages_json"])
    assert columns["torch_version"] == packages["torch"]
    assert "tensorflow" not in sys.modules


def test_a_run_records_the_workers_environment_and_nothing_else_of_the_shell(monkeypatch):
    monkeypatch.setenv("TF_VAR_db_pass", "hunter2")
    monkeypatch.setenv("OMP_NUM_THREADS", "9")
    monkeypatch.setenv("TF_XLA_FLAGS", "--tf_xla_auto_jit=2")
    columns = provenance.columns(threads=2, passed=("TF_XLA_FLAGS",))
    kept = json.loads(columns["environment_json"])
    assert (kept["OMP_NUM_THREADS"], kept["TF_XLA_FLAGS"]) == ("2", "--tf_xla_auto_jit=2")
    assert "hunter2" not in json.dumps(columns, default=str)


def git(folder, *words):
    identity = ("-c", "user.name=me", "-c", "user.email=me@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path):
    """A repository with one committed file, in a folder `package`."""
    if shutil.which("git") is None:
        pytest.skip("needs git")
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "module.py").write_text("")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    return tmp_path


def test_a_clean_checkout_has_its_commit(checkout):
    commit = git(checkout, "rev-parse", "HEAD")
    told = {"git_commit": commit, "git_dirty": False, "git_reason": None}
    assert provenance._git(checkout / "package") == told


def test_a_changed_file_makes_the_checkout_dirty(checkout):
    (checkout / "package" / "module.py").write_text("changed = True\n")
    assert provenance._git(checkout / "package")["git_dirty"] is True


def reason(folder):
    """Why a folder has no commit."""
    told = provenance._git(folder)
    assert (told["git_commit"], told["git_dirty"]) == (None, None)
    return told["git_reason"]


def test_a_package_installed_inside_somebody_elses_checkout_has_no_commit(checkout):
    installed = checkout / "venv" / "harness"
    installed.mkdir(parents=True)
    (installed / "module.py").write_text("")
    assert reason(installed) == "the checkout around the package does not track it"


def test_a_folder_outside_a_checkout_has_no_commit(tmp_path):
    assert reason(tmp_path).startswith("git: not a git repository")


def test_the_commit_is_the_packages_own_whatever_repository_the_shell_names(checkout, tmp_path, monkeypatch):
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q")
    commit = git(checkout, "rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    assert provenance._git(checkout / "package")["git_commit"] == commit


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            "echo \"fatal: detected dubious ownership in repository at '/x'\" >&2; exit 128",
            "git: detected dubious ownership in repository at '/x'",
        ),
        ("exit 3", "git: exit status 3"),
    ],
)
def test_a_git_that_refuses_is_quoted(tmp_path, monkeypatch, body, said):
    (tmp_path / "git").write_text(f"#!/bin/sh\n{body}\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert reason(tmp_path) == said


def test_without_git_there_is_no_commit_and_that_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert reason(tmp_path) == "git: No such file or directory"


def test_the_packages_that_hold_cudas_libraries_are_told_from_others(monkeypatch):
    installed = {"nvidia-cublas": "13.1", "numpy": "2.0", "triton": "3.8", "nvidia-cudnn-cu12": "9.1"}
    monkeypatch.setattr(
        provenance,
        "distributions",
        lambda: [SimpleNamespace(metadata={"Name": n, "Version": v}) for n, v in installed.items()],
    )
    assert provenance.cuda_packages("pytorch") == {
        "nvidia-cublas": "13.1",
        "nvidia-cudnn-cu12": "9.1",
        "triton": "3.8",
    }


def test_what_a_framework_has_of_cuda_for_itself_is_recorded_and_counts_as_its_own_alone(
    tmp_path, monkeypatch
):
    about = tmp_path / "nvidia_cublas_cu12-12.9.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: nvidia-cublas-cu12\nVersion: 12.9\n")
    monkeypatch.setattr(cuda, "FOLDER", tmp_path)
    assert json.loads(provenance.columns(threads=1)["packages_json"])["nvidia-cublas-cu12"] == "12.9"
    assert provenance.cuda_packages("tensorflow")["nvidia-cublas-cu12"] == "12.9"
    assert "nvidia-cublas-cu12" not in provenance.cuda_packages("pytorch")
