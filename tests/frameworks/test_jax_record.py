"""JAX where it is not installed, as is usual: nothing shows it, and its record says what installs it."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from harness.errors import BadOption, FrameworkMissing
from harness.frameworks import registry
from harness.frameworks.jax.record import RECORD
from harness.frameworks.record import Place
from harness.measure import variables
from harness.sessions.examination import examine
from harness.settings import config
from harness.settings.grid import plan
from harness.settings.presets import FRAMEWORKS
from harness.work.workload import Mode

ROOT = Path(__file__).parents[2]
REFUSAL = "jax: not installed for this Python; use `make setup FRAMEWORKS=jax`"


@pytest.fixture
def without_jax(monkeypatch):
    found = registry.is_installed
    monkeypatch.setattr(registry, "is_installed", lambda one: one.name != "jax" and found(one))
    registry.records.cache_clear()
    yield
    monkeypatch.undo()
    registry.records.cache_clear()


@pytest.fixture
def with_jax(monkeypatch):
    """As if it were there: nothing here asks it for anything."""
    monkeypatch.setattr(registry, "is_installed", lambda one: True)
    registry.records.cache_clear()
    yield
    monkeypatch.undo()
    registry.records.cache_clear()


def test_the_record_loads_without_jax():
    code = (
        "import sys; sys.modules.update(dict.fromkeys(('jax', 'jaxlib', 'flax', 'optax')));"
        "from harness.frameworks.jax.record import RECORD; print(RECORD.name)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "jax"


def test_where_it_is_not_installed_no_list_has_it(without_jax):
    assert registry.names() == FRAMEWORKS
    assert not any("XLA_PYTHON" in name for name in variables.fixed(1))


def test_where_it_is_not_installed_its_results_are_told_and_drawn_as_where_it_is(without_jax):
    assert (registry.label("jax"), registry.short("jax")) == (RECORD.label, RECORD.short) == ("JAX", "JAX")
    assert registry.look("jax") == RECORD.look
    assert registry.in_order(["jax", *reversed(FRAMEWORKS)]) == [*FRAMEWORKS, "jax"]


def test_the_doctor_says_nothing_of_it_either(without_jax, monkeypatch, tmp_path):
    monkeypatch.setenv("EVENMATCH_ADAPTER_TENSORFLOW", "harness.frameworks.scripted")
    monkeypatch.setenv("EVENMATCH_ADAPTER_PYTORCH", "harness.frameworks.scripted")
    names = [one.name for one in examine(config.resolve({}, {}, tmp_path))]
    assert not {"jax", "jaxlib", "flax", "optax"} & set(names)
    assert not any(name.startswith("jax") for name in names)


@pytest.mark.parametrize("asked", ["jax", "pytorch,jax", "jax,tensorflow", "tensorflow,pytorch,jax"])
def test_who_asks_for_it_is_told_in_one_line_what_installs_it(without_jax, tmp_path, asked):
    with pytest.raises(FrameworkMissing, match=f"^{REFUSAL}$") as refusal:
        config.resolve({"frameworks": asked}, {}, tmp_path)
    assert refusal.value.exit_code == 2


def test_the_command_ends_with_that_line(tmp_path):
    code = (
        "import sys; from harness.frameworks import registry;"
        "registry.is_installed = lambda one: one.name != 'jax';"
        "from harness.cli import main; sys.argv = ['harness', 'bench', '--frameworks', 'jax']; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(ROOT), "COLUMNS": "200"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.strip() == f"harness: {REFUSAL}"


def test_where_it_is_installed_it_is_listed_after_the_two(with_jax, tmp_path):
    assert registry.names() == (*FRAMEWORKS, "jax")
    assert variables.fixed(1)["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false"
    settings = config.resolve({"frameworks": "jax,tensorflow", "mode": "graph"}, {}, tmp_path)
    assert settings.frameworks == ("jax", "tensorflow")
    assert {one.framework for one in plan(settings).contenders()} == {"jax", "tensorflow"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"mode": "compiled"}, "MODE=compiled: not allowed; use loop, eager with DEVICE=cpu"),
        ({"precision": "fp16"}, "PRECISION=fp16: not allowed; use fp32, bf16, fp64 with DEVICE=cpu"),
    ],
)
def test_what_it_does_not_have_is_refused_before_any_work(with_jax, tmp_path, given, said):
    with pytest.raises(BadOption, match=said):
        plan(config.resolve({"frameworks": "pytorch,jax"} | given, {}, tmp_path))


def test_at_its_best_it_may_loop_inside_of_the_program():
    ways = registry.record("jax").ways_at(Place.CPU)
    assert [way.mode for way in ways] == [Mode.LOOP, Mode.GRAPH]


def test_what_it_runs_on_is_what_its_extra_installs():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = {one.partition(">")[0] for one in project["optional-dependencies"]["jax"]}
    packages = {one.distribution for one in registry.record("jax").packages}
    assert named == packages - {"jaxlib"}
    locked = (ROOT / "requirements-jax.lock").read_text(encoding="utf-8")
    assert all(f"\n{name}==" in locked for name in packages)
