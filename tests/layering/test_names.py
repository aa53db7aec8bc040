"""A framework's name stands in its own folder: everything else is said of any framework, by its record."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

HARNESS = Path(__file__).parents[2] / "harness"

# torchvision is also where a data set comes from, whatever is compared.
NAMED = re.compile(r"tensorflow|pytorch|torch(?!vision)|\bjax", re.IGNORECASE)

# Beside each framework's own folder. The article has a listing in each of two, and these two are what a run
# compares where nothing else is said.
ALLOWED = {"work/listings.py", "settings/presets.py"}
FOLDERS = ("frameworks/tensorflow/", "frameworks/pytorch/", "frameworks/jax/")


def naming(harness):
    """Files of the package in which a framework is named outside its own folder, each with the lines."""
    found = {}
    for path in sorted(one for one in harness.rglob("*") if one.is_file() and "__pycache__" not in one.parts):
        place = path.relative_to(harness).as_posix()
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if NAMED.search(line)]
        if lines and not place.startswith(FOLDERS):
            found[place] = lines
    return found


def test_no_framework_is_named_outside_its_own_folder_the_listings_and_the_defaults():
    named = naming(HARNESS)
    assert {place: lines for place, lines in named.items() if place not in ALLOWED} == {}
    assert set(named) == ALLOWED, "what names nothing any more needs no leave to"


@pytest.mark.parametrize(
    "line",
    ["import torch", 'names = {"tensorflow": 1}', "# as PyTorch has it", "TENSORFLOW = 1", "import jax"],
)
def test_a_name_that_is_planted_is_found(tmp_path, line):
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "page.html.j2").write_text(f"a line\n{line}\n")
    assert naming(tmp_path) == {"report/page.html.j2": [line]}


def test_the_source_of_a_data_set_is_no_framework():
    assert not NAMED.search("torchvision's downloader")
