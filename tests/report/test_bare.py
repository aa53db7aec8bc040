"""Whatever the user has set for matplotlib, a page is drawn, and drawn the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

DRAW = """
from harness.report import style
from harness.report.figures.axes import Figure
import seaborn
with style.theme():
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([1, 2], [3, 4])
    print(style.inline_svg(figure, style.laid_out(figure), "name", "title", "description"))
"""

# What is told apart from a file's default: sizes, lines, and what a figure is saved with.
OTHER_TASTE = "font.size: 40\naxes.grid: False\nlines.linewidth: 9\nsavefig.pad_inches: 3\nbackend: tkagg\n"

pytestmark = pytest.mark.slow


def picture(folder, **environment):
    home = {"HOME": str(folder / "home"), "MPLCONFIGDIR": str(folder / "home")}
    done = subprocess.run(
        [sys.executable, "-c", DRAW], capture_output=True, text=True, check=False, cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | home | environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return picture(tmp_path_factory.mktemp("plain"))


@pytest.mark.parametrize("backend", ["module://matplotlib_inline.backend_inline", "tkagg", "no such backend"])
def test_a_backend_that_cannot_be_had_is_no_matter(tmp_path, plain, backend):
    assert picture(tmp_path, MPLBACKEND=backend) == plain


@pytest.mark.parametrize("place", ["matplotlibrc", "home/matplotlibrc", "elsewhere/matplotlibrc"])
@pytest.mark.parametrize("content", [OTHER_TASTE.encode(), b"# a comment in Latin-1: \xe9\n"])
def test_a_file_of_the_users_own_settings_is_no_matter(tmp_path, plain, place, content):
    for folder in ("home", "elsewhere"):
        (tmp_path / folder).mkdir()
    (tmp_path / place).write_bytes(content)
    elsewhere = {"MATPLOTLIBRC": str(tmp_path / place)} if place.startswith("elsewhere") else {}
    assert picture(tmp_path, **elsewhere) == plain


def test_the_users_environment_and_working_folder_are_as_they_were(tmp_path):
    code = (
        "import os; before = os.getcwd(), dict(os.environ)\n"
        "from harness.report import style\n"
        "assert (os.getcwd(), dict(os.environ)) == before"
    )
    subprocess.run(
        [sys.executable, "-c", code], check=True, cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "MPLBACKEND": "tkagg"},
    )  # fmt: skip


def test_settings_made_after_the_import_are_no_matter_either():
    """A program that draws with matplotlib itself, and has us draw a page."""
    code = "import matplotlib\nmatplotlib.rcParams.update({'font.size': 40, 'lines.linewidth': 9})\n" + DRAW
    plain, other = (
        subprocess.run(
            [sys.executable, "-c", one], capture_output=True, text=True, check=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        ).stdout
        for one in (DRAW, code)
    )  # fmt: skip
    assert other == plain
