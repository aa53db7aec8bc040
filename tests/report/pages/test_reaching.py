"""The page's section on how long it takes to be good enough."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.report.figures import quantiles
from harness.report.pages.evidence import evidence
from harness.report.pages.sections import reaching
from harness.report.sentences.answer import judge
from tests.report.conftest import THIRD

pytestmark = pytest.mark.slow

REACHES, MISSES = 0.98, 0.9

SPEEDS = {"tensorflow": 30_000.0, "pytorch": 20_000.0, THIRD: 15_000.0}


@pytest.fixture
def told(frames, tmp_path):
    """The section of a run at 30,000 (TensorFlow) and 20,000 samples/s, good enough after two epochs."""

    def section(*, missing=(), unraced=False, **kind):
        built = frames(epochs=3, **kind)
        rounds = built.learned_rounds
        missed = rounds[["framework", "replicate"]].apply(tuple, axis="columns").isin(missing)
        accuracy = rounds["accuracy"].where(
            rounds["accuracy"].isna(), MISSES + (REACHES - MISSES) * (~missed & (rounds["epoch"] >= 2))
        )
        of = built.trials["framework"].astype("str").map(SPEEDS)
        speed = of * (1 - 0.01 * built.trials["replicate"])
        built = replace(
            built,
            learned_rounds=rounds.assign(accuracy=accuracy),
            trials=built.trials.assign(train_samples_per_s=float("nan") if unraced else speed),
        )
        return reaching.time_to_accuracy(evidence(built, judge(built)), tmp_path)

    return section


def cells(section, heading):
    column = section.table.headers.index(heading)
    return [row[column] for row in section.table.rows]


def test_the_table_has_a_row_a_case_and_framework_with_its_seconds(told, tmp_path):
    section = told(batch_sizes=(64,))
    assert cells(section, "framework") == ["TensorFlow", "PyTorch"]
    assert cells(section, "outcome") == ["reached", "reached"]
    assert cells(section, "seconds") == ["4.10", "6.15"]
    assert cells(section, "median epoch") == ["2", "2"]
    assert cells(section, "ratio") == ["1.50", "1.50"]
    assert section.svg is not None
    assert (tmp_path / f"{section.name}.png").is_file()


def test_what_was_not_reached_is_told_in_words(told):
    section = told(batch_sizes=(64,), missing=[("pytorch", number) for number in range(6)])
    assert cells(section, "outcome") == ["reached", "not reached"]
    assert cells(section, "seconds") == ["4.10", "–"]
    assert "not reached" in section.svg


def test_a_target_that_some_seeds_missed_has_seconds_without_an_interval(told):
    section = told(batch_sizes=(64,), missing=[("tensorflow", 0)])
    assert cells(section, "outcome") == ["reached in 5 of 6", "reached"]
    assert cells(section, "from")[0] == "–"
    assert "reached in 5 of 6" in section.svg


def test_where_nothing_arrived_there_is_a_sentence_instead_of_a_figure(told):
    both = [(name, number) for name in ("tensorflow", "pytorch") for number in range(6)]
    section = told(missing=both)
    assert section.svg is None
    assert section.reason == "No trial reached 97 %."


def test_where_no_speed_was_measured_there_is_no_time(told):
    section = told(unraced=True)
    assert section.svg is None
    assert "was not measured" in section.reason
    assert set(cells(section, "outcome")) == {"reached"}


def test_a_case_without_its_certificate_is_not_drawn(told):
    section = told(batch_sizes=(64, 512), uncertified=(512,), replicates=2)
    assert "batch 64" in section.svg
    assert "TensorFlow, batch 512" not in section.svg
    assert section.intro.endswith("Not drawn, for want of a certificate: batch 512.")


def test_a_run_without_a_certificate_draws_nothing(told):
    section = told(batch_sizes=(64,), uncertified=(64,))
    assert section.svg is None
    assert "certificate" in section.reason


def test_marks_stand_at_the_seconds_and_are_hollow_without_an_interval(told, monkeypatch):
    drawn = []
    draw = quantiles.seconds_to_accuracy
    monkeypatch.setattr(quantiles, "seconds_to_accuracy", lambda sides: drawn.append(draw(sides)) or drawn[0])
    told(batch_sizes=(64,), missing=[("pytorch", 0)])
    marks = [line for line in drawn[0].axes[0].lines if line.get_marker() in {"o", "D"}]
    tensorflow, pytorch = marks
    assert tensorflow.get_xdata()[0] == pytest.approx(4.1, abs=0.01)
    assert pytorch.get_xdata()[0] == pytest.approx(6.15, abs=0.01)
    assert tensorflow.get_markerfacecolor() == tensorflow.get_color()
    assert pytorch.get_markerfacecolor() != pytorch.get_color()


def test_of_three_frameworks_each_has_its_own_ratio_over_the_first(told):
    section = told(batch_sizes=(64,), beside={THIRD: 2.0})
    assert section.table.caption.endswith("ratio: the framework's over TensorFlow's, paired")
    assert cells(section, "framework") == ["TensorFlow", "PyTorch", THIRD]
    assert cells(section, "ratio") == ["–", "1.50", "2.00"]
