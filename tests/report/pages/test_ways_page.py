"""The page of a run in mode `best`: a section for the ways, the others for the loops."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.report.pages.context import warnings
from harness.report.pages.evidence import evidence
from harness.report.pages.sections import sections
from harness.report.pages.sections.ways import ways
from harness.report.pages.summary import write_page
from harness.report.sentences.answer import judge

pytestmark = pytest.mark.slow


def shown_of(frames):
    return evidence(frames, judge(frames))


def test_every_way_stands_beside_its_loop_in_figure_and_table(of_ways, tmp_path):
    section = ways(shown_of(of_ways(batch_sizes=(64, 512))), tmp_path)
    assert section.reason is None
    for name in ("TensorFlow, graph, batch 64", "PyTorch, loop with fused Adam, batch 512"):
        assert name in section.svg
    questions = [row[0] for row in section.table.rows]
    assert questions.count("written the same way") == questions.count("each at its best") == 2
    assert questions.count("the best way in each") == 2 * 4
    assert (tmp_path / "ways.png").is_file()


def test_a_run_of_one_replicate_is_drawn_without_intervals(of_ways, tmp_path):
    section = ways(shown_of(of_ways(replicates=1)), tmp_path)
    assert section.svg is not None
    assert {row[8] for row in section.table.rows} == {"inconclusive"}


def test_other_runs_have_no_such_section(shown, tmp_path):
    assert "ways" not in {section.name for section in sections(shown(), tmp_path)}


def test_the_page_answers_three_questions_and_its_other_sections_are_about_the_loops(of_ways, tmp_path):
    page = write_page(of_ways(), tmp_path).read_text(encoding="utf-8")
    for said in ("Written the same way", "Each at its best", "The best way in each"):
        assert said in page
    assert "mode loop" in page


def test_a_way_that_failed_is_told_at_the_top_and_in_the_books(of_ways, tmp_path):
    frames = of_ways()
    broken = frames.ways["update"].eq("foreach") & frames.ways["replicate"].eq(0)
    ways = frames.ways.assign(
        status=frames.ways["status"].mask(broken, "failed"),
        failure_kind=frames.ways["failure_kind"].astype("object").mask(broken, "timeout"),
    )
    failed = replace(frames, ways=ways)
    assert f"1 of {len(failed.of_all_ways)} trials failed; see Failures." in warnings(failed)
    books = {one.name: one for one in sections(shown_of(failed), tmp_path)}
    assert [row[:2] for row in books["failures"].table.rows] == [
        ("loop with foreach Adam, batch 64", "PyTorch")
    ]
    assert len(books["trials"].table.rows) == len(failed.of_all_ways)
