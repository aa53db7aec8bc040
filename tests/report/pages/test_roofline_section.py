"""The section on what the machine could do: sentences, figure and numbers, or why there are none."""

from __future__ import annotations

from harness.report.pages.sections.roofline import roofline


def test_it_has_a_sentence_a_case_a_figure_and_its_numbers(shown, tmp_path):
    section = roofline(shown(), tmp_path)
    assert len(section.points) == 2
    assert section.svg is not None
    assert (tmp_path / "roofline.png").is_file()
    assert [row[:2] for row in section.table.rows] == [
        ("batch 64", "TensorFlow"),
        ("batch 64", "PyTorch"),
        ("batch 512", "TensorFlow"),
        ("batch 512", "PyTorch"),
    ]
    (bound,) = {row[section.table.headers.index("bound by")] for row in section.table.rows}
    assert bound == "arithmetic"


def test_a_run_without_a_peak_says_why_and_keeps_what_was_done(shown, tmp_path):
    section = roofline(shown(peaks={}), tmp_path)
    assert section.svg is None
    assert section.reason == "No peak of the device was found."
    assert section.points[0] == ("Batch 64: not known, for no worker was asked what the device can do.")
    assert section.table.rows[0][section.table.headers.index("GFLOP/s")] != "–"
