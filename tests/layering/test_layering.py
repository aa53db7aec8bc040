"""The house stands as planned: imports go down, the parent stays light, one room speaks."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import house

ROOT = Path(__file__).parents[2]

HEAVY = ("tensorflow", "keras", "torch", "torchvision", "pandas", "seaborn", "matplotlib", "pyarrow", "scipy")


def imported_by(*command):
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *command], capture_output=True, text=True, check=True, cwd=ROOT
    )
    names = {
        line.rpartition("|")[2].strip()
        for line in done.stderr.splitlines()
        if line.startswith("import time:")
    }
    assert len(names) > 50, "importtime printed nothing to judge"
    return {name.partition(".")[0] for name in names}


def test_no_module_breaks_the_plan():
    assert house.violations(list(house.modules(ROOT))) == []


@pytest.mark.parametrize(
    ("place", "code", "breach"),
    [
        ("work/recipe.py", "from harness.engine import runner\n", "harness.work.recipe imports upward"),
        ("engine/runner.py", "import torch.nn\n", "harness.engine.runner imports torch"),
        ("sessions/bench.py", "from harness.frameworks.pytorch import mlp\n", "imports the adapter"),
        ("sessions/bench.py", "from ..frameworks.pytorch import mlp\n", "imports the adapter"),
        ("work/recipe.py", "from ..engine import runner\n", "harness.work.recipe imports upward"),
        ("store/writer.py", "from ..engine.runner import Runner\n", "harness.store.writer imports upward"),
        ("settings/grid.py", "def late():\n    import keras\n", "harness.settings.grid imports keras"),
        ("settings/grid.py", "__import__('torch')\n", "harness.settings.grid imports torch"),
        ("data/fetch.py", "from harness.data import torchvision_download\n", "a process of its own"),
        ("frameworks/base.py", "import torch\n", "harness.frameworks.base imports torch"),
        ("frameworks/pytorch/record.py", "import torch\n", "harness.frameworks.pytorch.record imports torch"),
        ("frameworks/base.py", "from harness.frameworks.pytorch import mlp\n", "imports the adapter"),
        ("sessions/launching.py", "import submitit\n", "harness.sessions.launching imports submitit"),
        ("cli/launch.py", "def late():\n    import ray\n", "harness.cli.launch imports ray"),
        ("store/writer.py", "print('hello')\n", "harness.store.writer prints"),
        ("frameworks/pytorch/mlp.py", "print('epoch')\n", "harness.frameworks.pytorch.mlp prints"),
        ("report/page.py", "import sys\nsys.stderr.write('hm')\n", "harness.report.page prints"),
        ("analysis/verdicts.py", "import sys\nsys.exit(1)\n", "harness.analysis.verdicts exits"),
        ("terminal.py", "raise SystemExit(1)\n", "harness.terminal exits"),
        ("settings/grid.py", "raise SystemExit\n", "harness.settings.grid exits"),
        ("drawer.py", "", "harness.drawer has no floor"),
    ],
)
def test_a_planted_breach_is_found(tmp_path, place, code, breach):
    for name in ("engine/runner.py", "frameworks/pytorch/mlp.py", "data/torchvision_download.py", place):
        path = tmp_path / "harness" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    (tmp_path / "harness" / place).write_text(code)
    assert [one for one in house.violations(list(house.modules(tmp_path))) if breach in one]


@pytest.mark.parametrize(
    ("way", "common"),
    [
        (
            "from harness.frameworks.pytorch.mlp import TorchMlp",
            "from harness.frameworks.pytorch.graph import G",
        ),
        (
            "from harness.frameworks.pytorch import mlp",
            "def late():\n    from harness.frameworks.pytorch import graph",
        ),
    ],
)
def test_a_circle_is_found_wherever_in_a_module_the_import_stands(tmp_path, way, common):
    wing = tmp_path / "harness" / "frameworks" / "pytorch"
    wing.mkdir(parents=True)
    for name, code in (("__init__", ""), ("graph", way), ("mlp", common)):
        (wing / f"{name}.py").write_text(code + "\n")
    ring = [f"harness.frameworks.pytorch.{name}" for name in ("graph", "mlp")]
    assert house.circles(list(house.modules(tmp_path))) == [ring]


def test_a_package_that_shows_what_its_modules_have_is_no_circle(tmp_path):
    room = tmp_path / "harness" / "report"
    room.mkdir(parents=True)
    (room / "__init__.py").write_text("from harness.report.speed import ratio\n")
    (room / "speed.py").write_text("from harness.report import axes\n")
    (room / "axes.py").write_text("")
    assert house.circles(list(house.modules(tmp_path))) == []


def test_the_table_for_newcomers_has_the_floors_that_are_enforced():
    table = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    told = [
        [room.strip("/") for room in re.findall(r"`([a-z_/]+)`", line.split("|")[1])]
        for line in table.splitlines()
        if line.startswith("| `")
    ]
    enforced = [
        [room.removeprefix("harness.") for room in rooms if room not in {"harness", "harness.__main__"}]
        for rooms in house.FLOORS
    ]
    assert told == enforced
    assert len(enforced) <= 11


def test_help_imports_nothing_heavy():
    loaded = imported_by("-m", "harness", "--help")
    assert not loaded & {*HEAVY, "numpy", "rich"}


@pytest.mark.slow
def test_the_parent_never_imports_a_framework():
    rooms = (
        "sessions.bench",
        "sessions.runs",
        "terminal.live",
        "terminal.answers",
        "terminal.over_time",
        "report.pages.summary",
    )
    code = "import " + ", ".join(f"harness.{room}" for room in rooms)
    loaded = imported_by("-c", code)
    assert "pandas" in loaded
    assert not loaded & house.FRAMEWORKS
