"""Runs on disk, compared and followed over time, from the command to what it says."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta

import pytest

from harness.cli import main

pytestmark = pytest.mark.slow

LATER = {"run_id": "20260102T000000-beef", "torch_version": "2.15.0"}


def in_one_line(said):
    return " ".join(said.split())


@pytest.fixture
def ask(tmp_path, monkeypatch, capsys):
    """Run `harness` in this process and in an empty folder; status, standard output and error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "140")

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["harness", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return ended.value.code or 0, said.out, said.err

    return run


@pytest.fixture
def before(stored):
    """A results folder with one run."""
    return stored("before", ratio=1.5)


@pytest.fixture
def after(stored):
    """A results folder with the same run, in which PyTorch takes a tenth longer."""
    return stored("after", ratio=1.65, run=LATER)


def test_a_run_compared_with_itself_has_not_changed(ask, before):
    status, said, _ = ask("compare", before, before, "--fail-if-slower", "1%")
    assert status == 0
    assert "the same run" in said
    assert "slower" not in said
    assert "Nothing is shown to take more than 1 % longer" in said


@pytest.mark.parametrize(("limit", "status"), [("5%", 1), ("20%", 0)])
def test_a_tenth_slower_fails_at_a_limit_of_5_percent_and_passes_at_20(ask, before, after, limit, status):
    ended, said, _ = ask("compare", before, after, "--fail-if-slower", limit)
    assert ended == status
    assert "PyTorch trains slower in B in 2 cases: 0.91 times" in said
    assert "torch_version: 2.14.1 → 2.15.0" in said


def test_without_a_limit_nothing_fails(ask, before, after):
    assert ask("compare", before, after)[0] == 0


def test_both_frameworks_slower_alike_points_at_the_machine(ask, before, stored):
    _, said, _ = ask("compare", before, stored("after", ratio=1.5, slowed=1.2, run=LATER))
    assert "In 4 comparisons both frameworks changed alike, so look at the machine first" in in_one_line(said)


def test_runs_of_two_machines_are_refused_until_that_is_what_is_asked(ask, before, stored):
    elsewhere = stored("elsewhere", run=LATER | {"hostname": "other"})
    status, _, error = ask("compare", before, elsewhere)
    assert (status, len(error.splitlines())) == (2, 1)
    assert "hostname: quiet in A, other in B" in error
    status, said, _ = ask("compare", before, elsewhere, "--across-machines")
    assert status == 0
    assert "The runs come from different machines" in said


def test_a_hostile_host_name_stays_text_wherever_it_is_told(ask, before, stored):
    elsewhere = stored("elsewhere", run=LATER | {"hostname": "<b>|\x1b[31m\u202e"})
    _, _, error = ask("compare", before, elsewhere)
    assert "hostname: quiet in A, <b>|\\u001b[31m\\u202e in B" in error
    _, said, _ = ask("compare", before, elsewhere, "--across-machines", "--format", "markdown")
    assert "| hostname | quiet | &lt;b>\\|\\\\u001b\\[31m\\\\u202e |" in said


def test_what_could_not_be_judged_is_counted_beside_the_limit(ask, stored):
    few = stored("few", replicates=2)
    status, said, _ = ask("compare", few, few, "--fail-if-slower", "5%")
    assert status == 0
    assert "Nothing is shown to take more than 5 % longer in B; 8 of 8 could not be judged." in in_one_line(
        said
    )


def test_a_failed_certificate_is_refused_even_across_machines(ask, before, stored):
    status, _, error = ask(
        "compare", before, stored("after", uncertified=(64,), run=LATER), "--across-machines"
    )
    assert status == 2
    assert "certificate of mnist-cpu-loop-fp32-b64-e5: holds in A, failed at optimizer in B" in error


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--format", "xml"), "FORMAT=xml: not allowed; use table, markdown, json"),
        (("--fail-if-slower", "lots"), "FAIL_IF_SLOWER=lots: not allowed; use a percentage"),
    ],
)
def test_a_bad_option_is_one_line_and_status_2(ask, before, arguments, said):
    status, _, error = ask("compare", before, before, *arguments)
    assert (status, len(error.splitlines())) == (2, 1)
    assert said in error


def test_json_is_all_that_stands_on_standard_output(ask, before, after):
    _, said, error = ask("compare", before, after, "--format", "json", "--fail-if-slower", "5%")
    found = json.loads(said)
    assert error == ""
    assert (found["b"], found["too_slow"]) == (LATER["run_id"], 4)
    assert {one["change"] for one in found["changes"] if one["framework"] == "pytorch"} == {"slower"}


def test_markdown_tells_changes_and_differences(ask, before, after):
    _, said, _ = ask("compare", before, after, "--format", "markdown")
    assert "| batch 64 | train | PyTorch |" in said
    assert "| torch\\_version | 2.14.1 | 2.15.0 |" in said


def test_the_page_of_a_comparison_is_one_file_that_asks_for_nothing(ask, before, after, tmp_path):
    ask("compare", before, after, "--page", tmp_path / "deep" / "page.html")
    html = (tmp_path / "deep" / "page.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in html
    assert "<script" not in html
    assert "PyTorch trains slower in B" in html
    assert html.count("<svg") == 1


def test_the_history_marks_the_run_from_which_a_framework_was_slower(ask, stored, tmp_path):
    for day in range(14):
        start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day)
        stored(
            "results",
            ratio=(1.5 if day < 8 else 1.65) * (1 + 0.003 * (day * 7 % 5)),
            batch_sizes=(64,),
            replicates=2,
            run={"run_id": f"{start:%Y%m%dT%H%M%S}-{day:04x}", "started_at": start},
        )
    status, said, _ = ask("history")
    assert status == 0
    assert (
        "PyTorch's speed is 0.91 times what it was from run 20260109T000000-0008 (2026-01-09) on"
        in in_one_line(said)
    )
    html = (tmp_path / "reports" / "history.html").read_text(encoding="utf-8")
    assert html.count("<svg") == 1


def test_an_export_goes_to_standard_output_or_into_a_file(ask, before, tmp_path):
    _, said, _ = ask("export", "--results", before, "--format", "csv")
    ask("export", "--results", before, "--format", "csv", "--output", tmp_path / "out.csv")
    assert said.startswith("run_id,case_id")
    assert (tmp_path / "out.csv").read_text(encoding="utf-8") == said
