"""The map of ratios: who is faster is said in words, and a cell without a verdict has no tint."""

from __future__ import annotations

import pytest
from matplotlib.colors import to_hex

from harness.report import style
from harness.report.figures.heatmap import told
from harness.report.pages.sections import speed
from harness.work.workload import Mode


@pytest.fixture
def drawn(shown, tmp_path, monkeypatch):
    """The section, and the figure that it drew, if it drew one."""

    def overview(**kind):
        figures = []
        real = speed.heatmap
        monkeypatch.setattr(speed, "heatmap", lambda judged: figures.append(real(judged)) or figures[0])
        return speed.overview(shown(**kind), tmp_path), figures

    return overview


def cells(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def tints(figure):
    colours = [to_hex(patch.get_facecolor()) for patch in figure.axes[0].patches]
    return [colour for colour in colours if colour != style.BAND]


@pytest.mark.parametrize(("ratio", "faster"), [(1.5, "TensorFlow"), (1 / 1.5, "PyTorch")])
def test_each_cell_names_the_faster_side_and_by_how_much(drawn, ratio, faster):
    section, (figure,) = drawn(ratio=ratio, modes=(Mode.LOOP, Mode.EAGER))
    assert section.reason is None
    assert len(cells(figure)) == 4
    for cell in cells(figure):
        name, times = cell.splitlines()
        assert name == faster
        assert float(times.removesuffix("×")) == pytest.approx(1.5, rel=0.02)
    assert set(tints(figure)) == {style.colour(faster.lower())}


def test_equal_speeds_are_equivalent_in_words_and_have_no_tint(drawn):
    _, (figure,) = drawn(ratio=1.0, modes=(Mode.LOOP, Mode.EAGER))
    assert all(cell.startswith("equivalent") for cell in cells(figure))
    assert tints(figure) == []


def test_a_case_without_its_certificate_says_so_and_has_no_tint(drawn):
    _, (figure,) = drawn(ratio=1.5, modes=(Mode.LOOP, Mode.EAGER), uncertified=(512,))
    assert cells(figure).count("no certificate") == 2
    assert len(tints(figure)) == 2


def test_too_few_replicates_give_no_ratio(drawn):
    _, (figure,) = drawn(replicates=1, modes=(Mode.LOOP, Mode.EAGER))
    assert set(cells(figure)) == {"too few\nreplicates"}


def test_one_mode_or_one_batch_size_is_no_map(drawn):
    section, figures = drawn(modes=(Mode.LOOP,))
    assert figures == []
    assert section.reason.startswith("1 mode and 2 batch sizes: the figure above shows all there is.")


def test_what_is_not_known_gives_its_estimate_in_brackets():
    case = {"verdict": "inconclusive", "speed_ratio": 0.8, "speed_ratio_low": 0.5, "speed_ratio_high": 1.3}
    whose = {"speed_of": "tensorflow", "speed_over": "pytorch"}
    assert told(case | whose) == ("not known\n(PT 1.25×)", None)
