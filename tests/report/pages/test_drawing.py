"""A figure of a section: one drawing for the page and for its picture."""

from __future__ import annotations

import re
from unittest.mock import patch

import pytest
from matplotlib.layout_engine import ConstrainedLayoutEngine
from PIL import Image

from harness.report.figures.axes import Figure
from harness.report.pages.context import Table
from harness.report.pages.sections.drawing import drawn

TABLE = Table(caption="", headers=(), rows=(), numeric=())


def wide():
    """A figure with a note far beyond its axes."""
    figure = Figure(figsize=(3, 2), layout="constrained")
    figure.subplots().text(1.4, 0.5, "a note beside the axes")
    return figure


def test_a_figure_is_laid_out_once_and_its_page_and_its_picture_show_the_same(tmp_path):
    with (
        patch.object(Figure, "get_tightbbox", autospec=True, side_effect=Figure.get_tightbbox) as boxes,
        patch.object(
            ConstrainedLayoutEngine, "execute", autospec=True, side_effect=ConstrainedLayoutEngine.execute
        ) as layouts,
    ):
        section = drawn(tmp_path, "name", title="", intro="", reason=None, draw=wide, table=TABLE)
    assert (boxes.call_count, layouts.call_count) == (1, 1)
    (box,) = re.findall(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', section.svg)
    width, height = map(float, box)
    with Image.open(tmp_path / "name.png") as picture:
        assert picture.size == pytest.approx((width / 72 * 120, height / 72 * 120), abs=1)
