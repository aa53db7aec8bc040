"""Why two programs differ, in sentences and a figure."""

from __future__ import annotations

import math

import pytest

from harness.analysis.explanation import explanation
from harness.report import style
from harness.report.figures.waterfall import waterfall
from harness.report.pages.sections.explanation import why
from harness.report.sentences.why import HEADINGS, ends, explained, told
from tests.explained_changes import changes_of

WALKS = (
    {"framework": (0.8, 0.001), "step": (1.1, 0.0), "scaling": (1.0, 0.055), "input pipeline": (0.5, 0.002)},
    {"framework": (0.9, 0.003), "step": (1.2, 0.0), "scaling": (1.1, 0.057), "input pipeline": (0.6, 0.0)},
)


def test_the_ends_are_called_what_they_are():
    assert ends(changes_of(*WALKS)) == ("TensorFlow's listing", "PyTorch's listing")


def test_sentences_say_how_far_apart_and_why_and_how_surely():
    apart, speed, accuracy, sure = explained(changes_of(*WALKS, whole=(0.5, 0.06)))
    assert apart.startswith("TensorFlow's listing trains 2.00 times as fast as PyTorch's listing")
    assert "PyTorch's listing is 6.0 points of accuracy ahead" in apart
    assert speed.startswith("The factor of 2.00 is 1.03")
    assert "from what was typed (above all input pipeline 1.83), times 1." in speed
    assert speed.endswith("that stays unexplained.")
    assert "+5.70 from what was typed (above all scaling +5.60)" in accuracy
    assert "2 whole walks, where at least 6 are needed" in sure


def test_a_slower_first_end_is_told_from_the_other_side():
    apart, *_ = explained(changes_of(*WALKS, whole=(2.0, -0.06)))
    assert apart.startswith("PyTorch's listing trains 2.00 times as fast as TensorFlow's listing")
    assert "TensorFlow's listing is 6.0 points of accuracy ahead" in apart


def test_without_both_ends_nothing_is_explained():
    assert explained(changes_of(*WALKS, whole=(math.nan, 0.0))) == [
        "Nothing can be explained: no walk has both ends measured."
    ]


def test_without_accuracies_speed_is_explained_all_the_same():
    changes = changes_of(*WALKS).assign(accuracy_before=math.nan, accuracy_after=math.nan)
    assert explained(changes)[2] == "Accuracy was not measured."
    with style.theme():
        assert len(waterfall(explanation(changes), changes).axes) == 1


def test_a_sum_has_no_levels():
    rows = explanation(changes_of(*WALKS)).to_dict("records")
    cells = [dict(zip(HEADINGS, told(row), strict=True)) for row in rows]
    assert all(bool(one["from"]) == (one["change"] in WALKS[0]) for one in cells)


def test_the_figure_has_a_bar_for_each_change_and_what_is_left_but_not_for_sums():
    changes = changes_of(*WALKS)
    with style.theme():
        speed, accuracy = waterfall(explanation(changes), changes).axes
    assert len(speed.patches) == len(accuracy.patches) == len(WALKS[0]) + 1
    names = [label.get_text() for label in speed.get_yticklabels()]
    assert names[0] == "TensorFlow's listing"
    assert names[-1] == "PyTorch's listing, measured directly"
    assert "unexplained" in names


def test_the_bars_lead_from_one_end_to_the_other():
    changes = changes_of(*WALKS, whole=(0.48, 0.06))
    with style.theme():
        speed, accuracy = waterfall(explanation(changes), changes).axes
    last = speed.patches[-1]
    assert last.get_x() + last.get_width() == pytest.approx(6000 * 0.48)
    last = accuracy.patches[-1]
    assert last.get_x() + last.get_width() == pytest.approx(0.9 + 0.06)


def test_the_section_reads_on_its_own_and_follows_the_pages_theme(tmp_path):
    section = why(changes_of(*WALKS), tmp_path)
    assert section.intro.startswith(
        "From TensorFlow's listing to PyTorch's listing, one change at a time: 2 walks"
    )
    assert "no verdict is given" in section.intro
    assert len(section.points) == 4
    assert "#" not in "".join(part for part in section.svg.split('"') if part.startswith("fill: #"))
    assert (tmp_path / "explanation.png").is_file()


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (1, "all programs on its way taking turns in one match"),
        (3, "its programs taking turns in 3 matches, as memory does not hold them all at once"),
        (None, "each change measured by itself"),
    ],
)
def test_the_section_says_who_took_turns_with_whom(tmp_path, parts, said):
    changes = changes_of(*WALKS).assign(parts=parts)
    assert said in why(changes, tmp_path).intro
