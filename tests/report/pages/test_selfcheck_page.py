"""The page of a self-check: failures first, then every step with what it read."""

from __future__ import annotations

import pytest

from harness.engine.selfchecking.outcome import Checked, Outcome, Reading, State
from harness.report.pages import selfcheck

MACHINE = {
    "tensorflow_version": None,
    "torch_version": "2.13.0",
    "cpu_model": "A processor",
    "cpu_usable": 2,
    "git_commit": None,
    "git_dirty": None,
    "git_reason": "git: not found",
    "packages_json": "{}",
}
FACTS = {
    "command": "harness selfcheck --device cuda",
    "started_at": "2026-01-01 00:00:00 UTC",
    "device": "cuda:0",
    "gpu": {"name": "A card"},
    "frameworks": ["pytorch"],
    "threads": 1,
    "wall_s": 12.0,
    "machine": MACHINE,
}


def checked(name, state, sentence, *readings):
    outcome = Outcome(state=state, sentence=sentence, readings=readings)
    return Checked(name=name, title=name.title(), outcome=outcome, wall_s=1.25, limit_s=60.0)


STEPS = [
    checked(
        "clocks", State.PASSED, "they agree", Reading(what="ratio", value=1.00012, allowed="1 within 0.5 %")
    ),
    checked(
        "memory", State.FAILED, "half of it <b>is</b> missing", Reading(what="held", value=512.0, unit="MiB")
    ),
    checked("energy", State.COULD_NOT, "could not: no GPU"),
]


def test_what_failed_is_said_before_everything_else():
    said = [(one.where, one.says) for one in selfcheck.page(FACTS, STEPS).answers]
    assert said == [("All steps", "1 step failed"), ("Memory", "failed")]


def test_where_nothing_failed_that_is_the_answer():
    (answer,) = selfcheck.page(FACTS, STEPS[::2]).answers
    assert (answer.says, answer.sure) == ("nothing failed", "Of 2 steps, 1 passed and 1 could not be run")


def test_every_step_has_its_sentence_and_what_it_read(tmp_path):
    sections = {one.title: one for one in selfcheck.page(FACTS, STEPS).sections}
    assert sections["Clocks"].intro == "Pass: they agree."
    assert sections["Energy"].intro == "Could not: no GPU."
    assert sections["Clocks"].table.rows == (("ratio", "1.000", "", "1 within 0.5 %"),)
    assert sections["Memory"].table.rows == (("held", "512.0", "MiB", ""),)
    assert [row[1] for row in sections["All steps"].table.rows] == ["pass", "fail", "could not"]


def test_the_page_is_one_file_without_scripts_and_says_who_stood_in(tmp_path):
    html = selfcheck.write_page(FACTS, STEPS, tmp_path).read_text()
    assert "<script" not in html
    assert "half of it &lt;b&gt;is&lt;/b&gt; missing" in html
    assert "PyTorch 2.13.0, in both seats of a match" in html
    assert "cuda:0 (A card)" in html
    assert "packages_json" not in html


@pytest.mark.parametrize("missing", ["cpu_model", "git_reason"])
def test_what_is_not_known_of_the_machine_costs_no_page(missing):
    page = selfcheck.page(FACTS | {"machine": MACHINE | {missing: None}}, STEPS)
    assert page.subject
    assert page.commits
