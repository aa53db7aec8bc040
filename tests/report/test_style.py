"""A figure on its way to the page: all of it is there."""

from __future__ import annotations

import re

import pytest

from harness.report import style
from harness.report.figures.axes import Figure


@pytest.fixture
def wide():
    """A figure whose label and note reach far beyond its axes."""
    with style.theme():
        figure = Figure(figsize=(3, 2), layout="constrained")
        axes = figure.subplots()
        axes.set_ylabel("samples per second")
        axes.text(1.4, 0.5, "a note beside the axes", transform=axes.transAxes)
        yield figure


def test_the_box_holds_what_lies_beyond_the_figure_and_paper_around_it(wide):
    box = style.laid_out(wide)
    (note,) = wide.axes[0].texts
    extent = note.get_window_extent().transformed(wide.dpi_scale_trans.inverted())
    assert extent.x1 > wide.get_figwidth()
    assert box.x1 == pytest.approx(extent.x1 + 0.05, abs=0.02)


def test_the_svg_is_as_large_as_the_box(wide):
    box = style.laid_out(wide)
    svg = style.inline_svg(wide, box, "name", "title", "description")
    size = [float(number) for number in re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg).groups()]
    assert size == pytest.approx([72 * box.width, 72 * box.height])
