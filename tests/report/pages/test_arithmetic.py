"""Where small becomes large, on the page: several networks, one figure, the crossing in words."""

from __future__ import annotations

import pytest

from harness.report.pages.context import subject
from harness.report.pages.evidence import evidence
from harness.report.pages.sections.arithmetic import arithmetic, asked
from harness.report.pages.summary import write_page
from harness.report.sentences.answer import judge

pytestmark = pytest.mark.slow


@pytest.fixture
def section(several_runs, tmp_path):
    """A builder of the section of networks of these shapes, each with TensorFlow's speed over PyTorch's."""

    def made(ratios):
        frames = several_runs(
            *(
                {
                    "run": {"run_id": f"20260101T00000{number}-abcd"},
                    "hidden": hidden,
                    "ratio": ratio,
                    "batch_sizes": (64,),
                }
                for number, (hidden, ratio) in enumerate(ratios.items())
            )
        )
        shown = evidence(frames, judge(frames))
        return asked(shown), arithmetic(shown, tmp_path)

    return made


def test_a_crossing_is_told_with_its_interval_and_who_leads_on_either_side(section):
    wanted, drawn = section({(32,): 1.5, (4096,): 0.7})
    assert wanted
    assert "<svg" in drawn.svg
    (said,) = drawn.points
    assert "TensorFlow is faster, above PyTorch" in said
    assert "95 % interval of the crossing" in said


def test_where_one_leads_at_every_size_there_is_none(section):
    _, drawn = section({(32,): 1.5, (512, 512): 1.2})
    assert drawn.points == ("mode loop, batch 64: no one crossing is sure among these networks.",)


def test_one_network_alone_has_no_such_section(section):
    wanted, _ = section({(128,): 1.5})
    assert not wanted


def test_the_page_says_of_which_networks_it_is(several_runs):
    run = {"run_id": "20260101T000001-abcd"}
    one = several_runs({"run": run | {"run_id": "20260101T000000-abcd"}, "batch_sizes": (64,)})
    assert "perceptron (784-128-10, ReLU" in subject(one)
    two = several_runs(
        {"run": run, "hidden": (512, 512), "batch_sizes": (64,)},
        {"run": {"run_id": "20260101T000002-abcd"}, "hidden": (32,), "batch_sizes": (64,)},
    )
    assert "perceptron (784-32-10 and 784-512-512-10, ReLU" in subject(two)


def test_many_cases_are_summed_up_and_each_is_folded_away(several_runs, tmp_path):
    """Batch sizes and networks whose answer changes sides with their arithmetic."""
    frames = several_runs(
        *(
            {
                "run": {"run_id": f"20260101T00000{number}-abcd"},
                "hidden": hidden,
                "ratio": ratio,
                "batch_sizes": (64, 128, 256),
            }
            for number, (hidden, ratio) in enumerate({(32,): 1.5, (4096,): 0.7}.items())
        )
    )
    html = write_page(frames, tmp_path).read_text()
    first, _, folded = html.partition("Each case in words")
    assert "Up to about 26.2 million additions and multiplications a step TensorFlow trains faster." in first
    assert "From about 838 million additions and multiplications a step PyTorch trains faster." in first
    assert "times as fast as" not in first[first.index('<ul class="answers') :]
    assert "times as fast as PyTorch at batch 64, 128 and 256" in folded
    # The map has a line a network.
    assert "with each network at each batch size" in html
