"""Every column of a run is filled or null, nothing secret is stored, no framework is imported."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

from harness.measure import provenance
from harness.store.schema import RUNS


def test_secrets_are_left_out_and_what_matters_is_kept():
    environment = {
        "OMP_NUM_THREADS": "2",
        "TF_ENABLE_ONEDNN_OPTS": "1",
        "PYTORCH_TOKEN": "abc",
        "HARNESS_API_KEY": "abc",
        "HOME": "/home/me",
        "LD_PRELOAD": "libx.so",
    }
    assert set(provenance.relevant(environment)) == {"OMP_NUM_THREADS", "TF_ENABLE_ONEDNN_OPTS", "LD_PRELOAD"}


def test_every_column_belongs_to_the_runs_table():
    columns = provenance.columns()
    assert set(columns) <= set(RUNS.names)
    assert columns["cpu_usable"] >= 1
    assert columns["memory_bytes"] > 0


def test_versions_come_from_the_installed_packages():
    columns = provenance.columns()
    packages = json.loads(columns["packages_json"])
    assert columns["torch_version"] == packages["torch"]
    assert "tensorflow" not in sys.modules


def test_an_address_with_a_login_in_it_is_left_out():
    environment = {"XLA_CACHE": "https://me:word@host/path", "XLA_FLAGS": "--at=https://host/path@2"}
    assert set(provenance.relevant(environment)) == {"XLA_FLAGS"}


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
    assert provenance._git(checkout / "package") == {"git_commit": commit, "git_dirty": False}


def test_a_changed_file_makes_the_checkout_dirty(checkout):
    (checkout / "package" / "module.py").write_text("changed = True\n")
    assert provenance._git(checkout / "package")["git_dirty"] is True


def test_a_package_installed_inside_somebody_elses_checkout_has_no_commit(checkout):
    installed = checkout / "venv" / "harness"
    installed.mkdir(parents=True)
    (installed / "module.py").write_text("")
    assert provenance._git(installed) == {"git_commit": None, "git_dirty": None}


def test_a_folder_outside_a_checkout_has_no_commit(tmp_path):
    assert provenance._git(tmp_path) == {"git_commit": None, "git_dirty": None}
