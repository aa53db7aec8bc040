"""Frameworks are found in one way, and what is wrong with a record is said in one line."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest

from harness.errors import BadOption, FrameworkMissing
from harness.frameworks import registry
from harness.frameworks.entries import Entry
from harness.frameworks.record import ON_CPU, Look, Variables
from harness.measure import variables
from harness.settings import config
from harness.settings.grid import plan
from harness.settings.presets import FRAMEWORKS
from harness.work.workload import Mode

OURS = registry.record("pytorch")
THEIRS = replace(OURS, name="theirs", label="Theirs", rank=50, modes={Mode.LOOP: ON_CPU})


@pytest.fixture
def installed(monkeypatch):
    """Have another package's entry point found beside ours, as its metadata would have it."""

    def install(
        value="another_package:RECORD", *, name="theirs", record=THEIRS, distribution="their-package"
    ):
        entry = SimpleNamespace(name=name, value=value, dist=SimpleNamespace(name=distribution))
        entries = [Entry(entry.name, entry.value, distribution), *registry._entries()]
        module = SimpleNamespace(RECORD=record)
        monkeypatch.setitem(sys.modules, "another_package", module)
        monkeypatch.setattr(registry, "_entries", lambda: iter(entries))
        # Those that are asked for by name are here on some machines only.
        monkeypatch.setattr(registry, "is_installed", lambda one: not one.optional)
        registry.records.cache_clear()

    yield install
    monkeypatch.undo()
    registry.records.cache_clear()


def test_ours_are_found_and_listed_in_their_order():
    assert registry.names()[: len(FRAMEWORKS)] == FRAMEWORKS


def test_a_record_of_another_package_is_found_beside_ours_and_after_them(installed):
    installed()
    assert registry.names() == (*FRAMEWORKS, "theirs")
    assert registry.record("theirs") is THEIRS
    assert registry.label("theirs") == "Theirs"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"value": "no_such_module:RECORD"}, "its record no_such_module:RECORD cannot be loaded"),
        ({"value": "another_package:NOTHING"}, "cannot be loaded .*repair or uninstall their-package"),
        ({"record": "a text"}, "is no record of that name"),
        ({"record": replace(THEIRS, name="others")}, "is no record of that name"),
        ({"name": "pytorch"}, "their-package and evenmatch both have one; uninstall one of them"),
    ],
)
def test_a_record_that_cannot_be_used_is_refused_in_one_line(installed, given, said):
    installed(**given)
    with pytest.raises(FrameworkMissing, match=said) as refusal:
        registry.records()
    assert len(str(refusal.value).splitlines()) == 1


def test_a_name_that_no_framework_has_is_refused_with_those_that_there_are():
    with pytest.raises(FrameworkMissing, match="framework numpy: none is called so; use tensorflow, pytorch"):
        registry.record("numpy")


def test_what_a_framework_measured_is_still_shown_when_it_is_not_installed_any_more():
    assert (registry.label("gone"), registry.short("gone")) == ("gone", "gone")
    assert registry.look("gone").colour not in {one.look.colour for one in registry.records()}
    assert registry.in_order(["gone", *reversed(FRAMEWORKS)]) == [*FRAMEWORKS, "gone"]


@pytest.mark.parametrize("colour", ["red", "#FFF", "#ABCDEF", "#12345"])
def test_a_colour_that_a_page_cannot_use_is_refused(colour):
    with pytest.raises(ValueError, match="is not written as #rrggbb"):
        Look(colour=colour, dark_colour="#000000", marker="o")


@pytest.mark.parametrize("name", ["Jax", "my-framework", "", "9lives"])
def test_a_name_that_no_column_can_have_is_refused(name):
    with pytest.raises(ValueError, match="is not small letters, digits and underscores"):
        replace(THEIRS, name=name)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"frameworks": "theirs"}, "FRAMEWORKS=theirs: not allowed; use two of tensorflow, pytorch, theirs"),
        (
            {"frameworks": "theirs,numpy"},
            "FRAMEWORKS=theirs,numpy: not allowed; use two of tensorflow, pytorch",
        ),
        ({"frameworks": "theirs,theirs"}, "use two of"),
    ],
)
def test_fewer_than_two_frameworks_are_refused(installed, tmp_path, given, said):
    installed()
    with pytest.raises(BadOption, match=said):
        config.resolve(given, {}, tmp_path)


def test_a_run_compares_two_or_more_in_the_order_named(installed, tmp_path):
    installed()
    settings = config.resolve({"frameworks": "theirs,pytorch,tensorflow"}, {}, tmp_path)
    assert settings.frameworks == ("theirs", "pytorch", "tensorflow")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"mode": "eager"}, "MODE=eager: not allowed; use loop with DEVICE=cpu: all that Theirs has there"),
        ({"device": "cuda:0"}, "DEVICE=cuda:0: not allowed; use another: Theirs cannot run there"),
    ],
)
def test_what_one_of_the_two_does_not_have_is_refused_before_any_work(installed, tmp_path, given, said):
    installed()
    settings = config.resolve({"frameworks": "theirs,pytorch"} | given, {}, tmp_path)
    with pytest.raises(BadOption, match=said):
        plan(settings)


def test_every_match_of_a_run_is_of_its_two_frameworks_in_their_order(installed, tmp_path):
    installed()
    matches = plan(config.resolve({"frameworks": "theirs,pytorch", "replicates": "3"}, {}, tmp_path)).matches(
        3
    )
    assert {tuple(one.framework for one in match.contenders) for match in matches} == {
        ("theirs", "pytorch"), ("theirs", "theirs"), ("pytorch", "pytorch"),
    }  # fmt: skip


def test_variables_of_a_record_reach_its_worker_and_cannot_change_what_all_share(installed):
    own = Variables(
        fixed={"THEIR_MODE": "1", "PYTHONHASHSEED": "7"},
        folders={"THEIR_CACHE": "theirs"},
        allowed={"THEIR_*": "they say so"},
    )
    installed(record=replace(THEIRS, variables=own))
    assert variables.fixed(1)["THEIR_MODE"] == "1"
    assert variables.fixed(1)["PYTHONHASHSEED"] == "0"
    assert variables.is_ours("THEIR_CACHE")
    shell = {"THEIR_LEVEL": "3", "OTHERS": "4"}
    assert variables.inherited(shell) == {"THEIR_LEVEL": "3"}
    assert variables.recorded(shell, threads=1)["THEIR_LEVEL"] == "3"


def test_a_record_is_read_without_importing_its_framework():
    code = (
        "import sys; from harness.frameworks import registry; registry.records();"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & set(sys.argv[1:])))"
    )
    heavy = ("tensorflow", "keras", "torch", "torchvision", "numpy", "pandas")
    done = subprocess.run([sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
