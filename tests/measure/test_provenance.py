"""Every column of a run is filled or null, nothing secret is stored, no framework is imported."""

from __future__ import annotations

import json
import sys

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


def test_a_folder_outside_a_checkout_has_no_commit(tmp_path):
    assert provenance._git(tmp_path) == {"git_commit": None, "git_dirty": None}
