"""The roofline: each framework's points below the roof that the probes found, on one scale."""

from __future__ import annotations

import pytest

from harness.report import figures, style
from harness.report.sentences.roofline import roofs
from harness.work.workload import Precision


def lines(axis, colour):
    return [line for line in axis.lines if line.get_color() == colour]


def test_every_case_has_its_roof_and_a_point_of_each_framework_below_it(frames):
    found = roofs(frames())
    (axis,) = figures.roofline(found).axes
    assert (axis.get_xscale(), axis.get_yscale()) == ("log", "log")
    for roof, (_, case) in zip(lines(axis, style.MUTED), found.groupby("case_id", sort=False), strict=False):
        (_, _), (rising, flat, _) = roof.get_xdata()[:2], roof.get_ydata()
        assert flat == case["peak_flop_per_s"].max()
        assert rising == pytest.approx(roof.get_xdata()[0] * case["peak_bytes_per_s"].max())
    for framework, of in found.groupby("framework"):
        points = [
            line
            for line in axis.lines
            if line.get_marker() == style.marker(framework) and len(line.get_xdata())
        ]
        assert [line.get_ydata()[0] for line in points] == list(of["flop_per_s"])
        assert (of["flop_per_s"] < of["bound_flop_per_s"]).all()


def test_cases_are_named_beside_their_points(frames):
    (axis,) = figures.roofline(roofs(frames())).axes
    assert [text.get_text() for text in axis.texts] == ["batch 64", "batch 512"]


def test_number_formats_have_panels_of_their_own(several_runs):
    made = several_runs({}, {"precision": Precision.BF16, "run": {"run_id": "20260102T000000-beef"}})
    axes = figures.roofline(roofs(made)).axes
    assert [axis.get_title() for axis in axes] == ["cpu, bf16", "cpu, fp32"]
    assert axes[0].get_ylim() == axes[1].get_ylim()


def test_many_cases_are_named_in_the_table_alone(frames):
    (axis,) = figures.roofline(roofs(frames(batch_sizes=range(20, 30), replicates=2, epochs=1))).axes
    assert not axis.texts
