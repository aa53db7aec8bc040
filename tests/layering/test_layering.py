"""The house stands as planned: imports go down, the parent stays light, one room speaks."""

from __future__ import annotations

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
        ("recipe.py", "from harness.engine import runner\n", "harness.recipe imports upward"),
        ("engine/runner.py", "import torch.nn\n", "harness.engine.runner imports torch"),
        ("bench.py", "from harness.frameworks import torch_mlp\n", "imports the adapter"),
        ("bench.py", "from .frameworks import torch_mlp\n", "imports the adapter"),
        ("recipe.py", "from .engine import runner\n", "harness.recipe imports upward"),
        ("store/writer.py", "from ..engine.runner import Runner\n", "harness.store.writer imports upward"),
        ("plan.py", "def late():\n    import keras\n", "harness.plan imports keras"),
        ("plan.py", "__import__('torch')\n", "harness.plan imports torch"),
        ("frameworks/base.py", "import torch\n", "harness.frameworks.base imports torch"),
        ("frameworks/base.py", "from harness.frameworks import torch_mlp\n", "imports the adapter"),
        ("store/writer.py", "print('hello')\n", "harness.store.writer prints"),
        ("frameworks/torch_mlp.py", "print('epoch')\n", "harness.frameworks.torch_mlp prints"),
        ("report/page.py", "import sys\nsys.stderr.write('hm')\n", "harness.report.page prints"),
        ("analysis/verdicts.py", "import sys\nsys.exit(1)\n", "harness.analysis.verdicts exits"),
        ("terminal.py", "raise SystemExit(1)\n", "harness.terminal exits"),
        ("plan.py", "raise SystemExit\n", "harness.plan exits"),
        ("drawer.py", "", "harness.drawer has no floor"),
    ],
)
def test_a_planted_breach_is_found(tmp_path, place, code, breach):
    for name in ("engine/runner.py", "frameworks/torch_mlp.py", place):
        path = tmp_path / "harness" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    (tmp_path / "harness" / place).write_text(code)
    assert [one for one in house.violations(list(house.modules(tmp_path))) if breach in one]


def test_help_imports_nothing_heavy():
    loaded = imported_by("-m", "harness", "--help")
    assert not loaded & {*HEAVY, "numpy", "rich"}


@pytest.mark.slow
def test_the_parent_never_imports_a_framework():
    rooms = ("bench", "runs", "terminal.live", "terminal.answers", "terminal.over_time", "report.page")
    code = "import " + ", ".join(f"harness.{room}" for room in rooms)
    loaded = imported_by("-c", code)
    assert "pandas" in loaded
    assert not loaded & house.FRAMEWORKS
