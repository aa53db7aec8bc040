"""The page's section on how long one prediction takes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.report.figures import quantiles
from harness.report.pages.evidence import evidence
from harness.report.pages.sections import latency
from harness.report.sentences.answer import judge

pytestmark = pytest.mark.slow

PERCENTILES = {"p50_s": 1.0, "p95_s": 1.5, "p99_s": 4.0}
ONE_S = {"tensorflow": 200e-6, "pytorch": 30e-6}


@pytest.fixture
def told(frames, tmp_path):
    """The section of a run in which a call takes as long as its number of samples wants it to.

    `slower` multiplies all times; `unmeasured` names columns that are null.
    """

    def section(*, slower=1.0, calls=1000, unmeasured=(), status=None, **kind):
        built = frames(**kind)
        trials = built.trials
        # The last replicate is far out: a mean would follow it.
        factor = slower * trials["framework"].map(ONE_S) * (1 + 9 * (trials["replicate"] == 5))
        columns = {"latency_one_calls": calls, "latency_batch_calls": calls}
        for name, times in PERCENTILES.items():
            columns[f"latency_one_{name}"] = times * factor
            columns[f"latency_batch_{name}"] = times * factor * trials["batch_size"]
        trials = trials.assign(**columns | dict.fromkeys(unmeasured))
        trials = trials.assign(status=status or trials["status"]).astype(dict.fromkeys(columns, "float64"))
        built = replace(built, trials=trials)
        return latency.latency(evidence(built, judge(built)), tmp_path)

    return section


@pytest.fixture
def figures(monkeypatch):
    """The figures as they are drawn."""
    drawn, draw = [], quantiles.latencies

    def remember(calls):
        drawn.append(draw(calls))
        return drawn[-1]

    monkeypatch.setattr(quantiles, "latencies", remember)
    return drawn


def rows(section):
    return [dict(zip(section.table.headers, row, strict=True)) for row in section.table.rows]


def test_the_table_has_medians_over_replicates_in_microseconds(told, tmp_path):
    section = told(batch_sizes=(64,))
    tensorflow, pytorch, of_batch, _ = rows(section)
    assert [row["framework"] for row in rows(section)] == ["TensorFlow", "PyTorch"] * 2
    assert [row["samples a call"] for row in rows(section)] == ["1", "1", "64", "64"]
    assert [pytorch[f"{name}, µs"] for name in ("p50", "p95", "p99")] == ["30.0", "45.0", "120"]
    assert tensorflow["p99, µs"] == "800"
    assert of_batch["p50, µs"] == "12,800"
    assert tensorflow["calls of each"] == "1,000"
    assert (tmp_path / f"{section.name}.png").is_file()


def test_long_calls_are_given_in_milliseconds(told):
    (tensorflow, *_) = rows(told(batch_sizes=(64,), slower=1000))
    assert tensorflow["p50, ms"] == "200"


def test_cases_stand_in_reading_order_at_one_sample_and_then_at_their_batch(told):
    found = [(row["case"], row["samples a call"]) for row in rows(told(batch_sizes=(512, 64)))]
    assert list(dict.fromkeys(found)) == [
        ("batch 64", "1"), ("batch 512", "1"), ("batch 64", "64"), ("batch 512", "512"),
    ]  # fmt: skip


def test_every_percentile_has_a_mark_of_its_own_and_every_row_a_name(told, figures):
    told(batch_sizes=(64,))
    one, of_batch = figures[0].axes
    assert [label.get_text() for label in one.get_yticklabels()] == [
        "TensorFlow, batch 64",
        "PyTorch, batch 64",
    ]
    assert [axis.get_title(loc="left") for axis in (one, of_batch)] == [
        "1 sample a call",
        "64 samples a call",
    ]
    at = {
        line.get_marker(): line.get_xdata()[0]
        for line in one.lines
        if line.get_marker() != "None" and list(line.get_ydata()) == [0]
    }
    assert at == pytest.approx({"o": 30e-6, "|": 45e-6, ">": 120e-6})
    (legend,) = figures[0].legends
    assert [text.get_text() for text in legend.get_texts()] == ["p50", "p95", "p99"]


def test_several_batch_sizes_share_the_panel_of_their_own_batch(told, figures):
    told(batch_sizes=(1, 64))
    assert [axis.get_title(loc="left") for axis in figures[0].axes] == ["1 sample a call", "one batch a call"]


def test_a_case_of_batch_one_is_shown_once(told, figures):
    section = told(batch_sizes=(1,))
    assert [axis.get_title(loc="left") for axis in figures[0].axes] == ["1 sample a call"]
    assert len(rows(section)) == 2


def test_what_was_not_asked_is_said_in_the_figure(told, figures):
    section = told(batch_sizes=(64,), unmeasured=[f"latency_batch_{name}" for name in PERCENTILES])
    assert [text.get_text() for text in figures[0].axes[1].texts] == ["not measured"] * 2
    assert [row["p50, µs"] for row in rows(section)[2:]] == ["–", "–"]
    assert [row["replicates"] for row in rows(section)] == ["6", "6", "0", "0"]


def test_old_files_say_that_it_was_not_measured(told):
    every = [f"latency_{asked}_{name}" for asked in ("one", "batch") for name in ("calls", *PERCENTILES)]
    section = told(unmeasured=every)
    assert section.svg is None
    assert section.reason == "The latency of predictions was not measured."


def test_few_calls_are_no_99th_percentile(told):
    warning = "Of fewer than 100 calls"
    assert warning in told(calls=60, batch_sizes=(64,), replicates=1).intro
    assert warning not in told(calls=1000, batch_sizes=(64,), replicates=1).intro


def test_a_case_without_its_certificate_is_in_the_table_only(told):
    section = told(batch_sizes=(64, 512), uncertified=(512,), replicates=2)
    assert "TensorFlow, batch 64" in section.svg
    assert "TensorFlow, batch 512" not in section.svg
    assert "batch 512" in {row["case"] for row in rows(section)}
    assert section.intro.endswith("Not drawn, for want of a certificate: batch 512.")


def test_a_run_of_which_nothing_finished_says_so(told):
    section = told(status="failed")
    assert section.reason == "No trial finished."
    assert section.table.rows == ()
