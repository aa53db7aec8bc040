"""A figure on its way to the page: laid out once, and all of it there."""

from __future__ import annotations

import re

import pytest
from matplotlib.layout_engine import ConstrainedLayoutEngine

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


def test_both_formats_show_the_box_and_find_no_layout_anew(wide, tmp_path, monkeypatch):
    box = style.laid_out(wide)
    monkeypatch.setattr(Figure, "get_tightbbox", lambda *_, **__: pytest.fail("looked for the box again"))
    monkeypatch.setattr(ConstrainedLayoutEngine, "execute", lambda *_: pytest.fail("laid out again"))
    svg = style.inline_svg(wide, box, "name", "title", "description")
    wide.savefig(tmp_path / "figure.png", bbox_inches=box)
    size = [float(number) for number in re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg).groups()]
    assert size == pytest.approx([72 * box.width, 72 * box.height])
    assert (tmp_path / "figure.png").stat().st_size > 0
