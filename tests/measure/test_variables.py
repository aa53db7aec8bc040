"""Which of a shell's variables a worker may have, and which are recorded: those of one list."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.measure.variables import (
    ALLOWED,
    cleared,
    fixed,
    inherited,
    is_ours,
    kept_out,
    recorded,
    told_on,
)
from tests.engine.harmful_variables import HARMFUL


def test_what_no_list_names_is_neither_inherited_nor_recorded():
    shell = {"TF_VAR_db_pass": "hunter2", "TF_XLA_FLAGS": "--x", "LC_DB": "abc", "SHELL": "/bin/sh"}
    assert inherited(shell) == {}
    assert recorded(shell, threads=1) == fixed(1)


def test_what_is_allowed_is_inherited_and_recorded_where_it_may_bear_on_a_run():
    shell = {"LD_LIBRARY_PATH": "/lib", "LC_ALL": "C.UTF-8", "HOME": "/home/me", "CUDA_VISIBLE_DEVICES": "1"}
    assert inherited(shell) == shell
    assert recorded(shell, threads=2) == fixed(2) | {
        "LD_LIBRARY_PATH": "/lib",
        "LC_ALL": "C.UTF-8",
        "CUDA_VISIBLE_DEVICES": "1",
    }


def test_every_group_of_the_list_says_why_it_is_let_in():
    assert all(group.names and group.why for group in ALLOWED)


def test_a_variable_that_is_passed_by_name_is_inherited_and_recorded():
    shell = {"TF_XLA_FLAGS": "--tf_xla_auto_jit=2", "OMP_PROC_BIND": "true"}
    passed = ("TF_XLA_FLAGS", "NOT_SET")
    assert inherited(shell, passed) == {"TF_XLA_FLAGS": "--tf_xla_auto_jit=2"}
    assert recorded(shell, threads=1, passed=passed)["TF_XLA_FLAGS"] == "--tf_xla_auto_jit=2"


def test_an_address_with_a_login_in_it_is_not_recorded():
    shell = {"XLA_CACHE": "https://me:word@host/path", "XLA_FLAGS": "--at=https://host/path@2"}
    known = recorded(shell, threads=1, passed=("XLA_CACHE", "XLA_FLAGS"))
    assert known["XLA_CACHE"] == "(not recorded: it holds a login)"
    assert known["XLA_FLAGS"] == "--at=https://host/path@2"


def test_a_proxy_reaches_a_worker_and_no_record():
    shell = {"https_proxy": "http://me:word@proxy:8080", "NO_PROXY": "localhost"}
    assert inherited(shell) == shell
    assert recorded(shell, threads=1) == fixed(1)


def test_a_name_that_may_be_secret_is_not_recorded_even_where_the_list_lets_it_in():
    shell = {"EVENMATCH_SCRIPT_TOKEN": "abc"}
    assert inherited(shell) == shell
    assert recorded(shell, threads=1) == fixed(1)


def test_lists_of_folders_do_not_depend_on_where_a_worker_works():
    here = Path.cwd()
    assert inherited({"LD_LIBRARY_PATH": ":lib:/lib:"}) == {"LD_LIBRARY_PATH": f"{here}/lib:/lib"}
    assert inherited({"PYTHONPATH": "src"}, ("PYTHONPATH",)) == {"PYTHONPATH": f"{here}/src"}


def test_what_would_change_a_framework_and_is_kept_out_is_named():
    shell = {"TF_XLA_FLAGS": "--x", "OMP_PROC_BIND": "true", "TF_VAR_region": "x", "OMP_NUM_THREADS": "9"}
    assert kept_out(shell) == ["OMP_PROC_BIND", "TF_XLA_FLAGS"]
    assert kept_out(shell, ("TF_XLA_FLAGS",)) == ["OMP_PROC_BIND"]


@pytest.mark.parametrize("name", sorted(name for name in HARMFUL if not name.startswith("PYTHON")))
def test_each_known_harmful_variable_is_set_by_the_harness_or_named_as_kept_out(name):
    assert is_ours(name) or kept_out({name: HARMFUL[name]}) == [name]


def test_what_an_engine_sets_to_change_frameworks_is_cleared_and_what_every_worker_has_is_not():
    shell = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "4", "CUDA_VISIBLE_DEVICES": "1", "SITE": "here"}
    assert cleared(shell) == {"CUDA_VISIBLE_DEVICES": "1", "SITE": "here"}


def test_what_goes_with_a_shard_is_what_was_let_in_by_name_and_nothing_of_this_host_or_secret():
    shell = {"PATH": "/bin", "HOME": "/root", "XLA_FLAGS": "-x", "MY_TOKEN": "x", "EVENMATCH_FAULT": "none"}
    assert told_on(shell, ["XLA_FLAGS", "MY_TOKEN"]) == {
        "EVENMATCH_FAULT": "none",
        "XLA_FLAGS": "-x",
    }
