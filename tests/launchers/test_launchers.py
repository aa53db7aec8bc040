"""Launchers are found as frameworks are, and their settings are refused in one line."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest

from harness.errors import BadOption, LauncherMissing
from harness.frameworks.entries import Entry, entries
from harness.launchers import registry

LOCAL = registry.record("local")
THEIRS = replace(LOCAL, name="theirs", label="Theirs")


@pytest.fixture
def installed(monkeypatch):
    """Have another package's launcher found beside ours."""

    def install(name="theirs", record=THEIRS):
        monkeypatch.setitem(sys.modules, "another_package", SimpleNamespace(RECORD=record))
        found = [*entries(registry.GROUP), Entry(name, "another_package:RECORD", "their-package")]
        monkeypatch.setattr(registry, "entries", lambda _group: iter(found))
        registry.records.cache_clear()

    yield install
    monkeypatch.undo()
    registry.records.cache_clear()


def test_ours_are_found_the_one_that_needs_nothing_first():
    assert next(iter(registry.records())) == "local"
    assert "slurm" in registry.records()


def test_anothers_is_found_beside_ours(installed):
    installed()
    assert registry.record("theirs") is THEIRS


def test_a_name_that_none_has_is_refused_with_those_that_there_are():
    with pytest.raises(BadOption, match="LAUNCHER=lsf: not allowed; use one of local, slurm, ray"):
        registry.record("lsf")


def test_an_engine_that_is_not_there_is_told_with_what_installs_it(installed):
    installed(record=replace(THEIRS, module="no_such_engine", install="make engine"))
    said = "LAUNCHER=theirs: no_such_engine is not installed for this Python; use `make engine`"
    with pytest.raises(LauncherMissing, match=said):
        registry.record("theirs")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"record": "a text"}, "is no record of that name"),
        ({"record": replace(THEIRS, name="others")}, "is no record of that name"),
        ({"name": "local"}, "two packages have one"),
    ],
)
def test_a_record_that_cannot_be_used_is_refused(installed, given, said):
    installed(**given)
    with pytest.raises(LauncherMissing, match=said):
        registry.records()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("partition", "OPTION=partition: not allowed; use NAME=VALUE with a name that SLURM has: partition,"),
        ("queue=long", "OPTION=queue=long: not allowed"),
        ("limit_min=soon", "limit_min=soon: not allowed; use a whole number from 1"),
        ("exclusive=perhaps", "exclusive=perhaps: not allowed; use yes or no"),
    ],
)
def test_a_setting_that_a_launcher_does_not_have_is_refused(given, said):
    with pytest.raises(BadOption, match=said):
        registry.records()["slurm"].settled([given])


def test_settings_are_the_defaults_but_for_what_is_given():
    settled = registry.records()["slurm"].settled(["partition=a,b", "constraint=gpu&fast", "exclusive=no"])
    assert (settled.partition, settled.constraint, settled.exclusive) == ("a,b", "gpu&fast", False)
    assert (settled.limit_min, settled.cpus, settled.qos) == (60, 0, "")
