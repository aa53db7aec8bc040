"""Each figure draws what its frame says."""

from __future__ import annotations

import numpy as np
import pytest

from harness.report import figures
from harness.report.figures import speed
from harness.settings.presets import FRAMEWORKS
from harness.work.records import Phase
from harness.work.workload import Mode


def test_throughput_has_a_point_a_replicate_and_a_line_a_framework(shown):
    figure = figures.throughput(shown(replicates=6).ok, "train_samples_per_s")
    (axis,) = figure.axes
    points = sum(len(collection.get_offsets()) for collection in axis.collections)
    assert points == 2 * 2 * 6
    assert len(axis.lines) == 2
    assert {text.get_text() for text in axis.texts} == {"TensorFlow", "PyTorch"}


def test_a_framework_that_failed_at_the_largest_batch_is_named_where_its_line_ends(shown):
    trials = shown().ok
    cut = trials[(trials["framework"] != "tensorflow") | (trials["batch_size"] < 512)]
    (axis,) = figures.throughput(cut, "train_samples_per_s").axes
    assert {text.get_text(): text.xy[0] for text in axis.texts} == {"TensorFlow": 64, "PyTorch": 512}


def test_the_line_runs_through_the_medians(shown):
    trials = shown().ok
    (axis,) = figures.throughput(trials, "train_samples_per_s").axes
    expected = trials.groupby(["framework", "batch_size"])["train_samples_per_s"].median()
    drawn = sorted(tuple(line.get_ydata()) for line in axis.lines)
    assert drawn == sorted(tuple(expected[name]) for name in ("pytorch", "tensorflow"))


def test_a_ratio_above_one_lies_on_tensorflows_side(shown):
    judged = shown(ratio=2.0).judged
    figure = figures.ratios(judged[judged["phase"] == Phase.TRAIN])
    marks = [line.get_xdata()[0] for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert marks == pytest.approx(judged.loc[judged["phase"] == Phase.TRAIN, "speed_ratio"])
    assert min(marks) > 1.8
    left, right = figure.axes[0].texts
    assert (left.get_text(), right.get_text()) == ("← PyTorch faster", "TensorFlow faster →")


def test_verdicts_are_words_too(shown):
    judged = shown(ratio=0.5).judged
    figure = figures.ratios(judged[judged["phase"] == Phase.TRAIN])
    labels = [text.get_text() for axis in figure.axes for text in axis.get_yticklabels()]
    secondary = [text.get_text() for axis in figure.axes[0].child_axes for text in axis.get_yticklabels()]
    assert labels == ["batch 64", "batch 512"]
    assert secondary == ["PyTorch faster"] * 2


def test_accuracy_has_a_panel_a_case_and_every_epoch(shown):
    rounds = shown(epochs=5).rounds
    figure = figures.accuracy(rounds[rounds["phase"] == Phase.EVALUATE])
    assert [axis.get_title() for axis in figure.axes] == ["batch 64", "batch 512"]
    assert list(figure.axes[0].lines[0].get_xdata()) == [1, 2, 3, 4, 5]


def test_accuracy_runs_through_the_median_seed_and_shades_the_rest(shown):
    made = shown(batch_sizes=(64,), epochs=2, replicates=3)
    rounds = made.rounds[made.rounds["phase"] == Phase.EVALUATE]
    (axis,) = figures.accuracy(rounds).axes
    for framework, line, band in zip(FRAMEWORKS, axis.lines, axis.collections, strict=False):
        seeds = rounds[rounds["framework"] == framework].groupby("epoch")["accuracy"]
        assert list(line.get_ydata()) == pytest.approx(list(seeds.median()))
        shaded = np.concatenate([path.vertices[:, 1] for path in band.get_paths()])
        assert (shaded.min(), shaded.max()) == pytest.approx((seeds.min().min(), seeds.max().max()))


def test_memory_bars_are_as_long_as_the_peaks(shown):
    quantities = {"host_peak_bytes": "memory, bytes", "gpu_peak_bytes": "GPU memory, bytes"}
    (axis,) = figures.taken(shown().ok, quantities).axes
    widths = [{round(bar.get_width() / 2**20) for bar in bars} for bars in axis.containers]
    assert widths == [{800}, {500}]
    assert [bars[0].get_hatch() or "" for bars in axis.containers] == ["", "///"]


def test_start_up_parts_stack_to_the_whole(shown):
    (axis,) = figures.startup(shown().ok).axes
    tensorflow, pytorch = zip(
        *([bar.get_x() + bar.get_width() for bar in bars] for bars in axis.containers), strict=True
    )
    assert tensorflow == pytest.approx([3.0, 3.2, 3.5, 4.0])
    assert pytorch == pytest.approx([2.0, 2.1, 2.3, 2.5])


def test_each_mode_has_a_panel_on_one_scale(shown):
    trials = shown(modes=(Mode.LOOP, Mode.EAGER), replicates=2).ok
    axes = figures.throughput(trials, "train_samples_per_s").axes
    assert [axis.get_title() for axis in axes] == ["loop", "eager"]
    assert axes[0].get_ylim() == axes[1].get_ylim()
    assert axes[0].get_ylim()[0] == 0


def test_panels_that_are_far_apart_have_scales_of_their_own(shown):
    trials = shown(modes=(Mode.LOOP, Mode.EAGER), replicates=2).ok
    slow = trials["panel"] == "eager"
    trials.loc[slow, "train_samples_per_s"] /= 20
    loop, eager = figures.throughput(trials, "train_samples_per_s").axes
    assert loop.get_ylim()[1] > 5 * eager.get_ylim()[1]
    assert eager.get_ylim()[1] < 1.1 * trials.loc[slow, "train_samples_per_s"].max()


def test_at_one_batch_size_each_framework_has_a_row_with_its_replicates_and_median(shown):
    trials = shown(batch_sizes=(64,), replicates=5).ok
    (axis,) = figures.throughput_at_one_batch(trials, "train_samples_per_s").axes
    rows = [text.get_text() for text in axis.get_yticklabels()]
    assert rows == ["TensorFlow, mode loop", "PyTorch, mode loop"]
    assert [len(line.get_xdata()) for line in axis.lines] == [5, 1, 5, 1]
    medians = trials.groupby("framework")["train_samples_per_s"].median()
    assert [line.get_xdata()[0] for line in axis.lines[1::2]] == [medians["tensorflow"], medians["pytorch"]]


def test_at_one_batch_size_what_is_far_apart_is_told_apart_on_a_logarithmic_scale(shown):
    trials = shown(modes=(Mode.LOOP, Mode.EAGER), batch_sizes=(64,), replicates=2).ok
    (axis,) = figures.throughput_at_one_batch(trials, "train_samples_per_s").axes
    assert (axis.get_xscale(), axis.get_xlim()[0]) == ("linear", 0)
    trials.loc[trials["panel"] == "eager", "train_samples_per_s"] /= 100
    (axis,) = figures.throughput_at_one_batch(trials, "train_samples_per_s").axes
    assert axis.get_xscale() == "log"
    low, high = axis.get_xlim()
    assert low < trials["train_samples_per_s"].min()
    assert high > trials["train_samples_per_s"].max()
    marks = [at for at in axis.xaxis.get_major_locator()() if low <= at <= high]
    assert len(marks) >= 2


@pytest.mark.parametrize("batch_sizes", [(64,), (64, 512)])
def test_very_many_replicates_become_their_range(shown, batch_sizes, monkeypatch):
    monkeypatch.setattr(speed, "MOST_POINTS", 5)
    trials = shown(batch_sizes=batch_sizes, replicates=3).ok
    draw = figures.throughput if len(batch_sizes) > 1 else figures.throughput_at_one_batch
    (axis,) = draw(trials, "train_samples_per_s").axes
    assert max(len(line.get_xdata()) for line in axis.lines) == 2
    speeds = trials[(trials["framework"] == "pytorch") & (trials["batch_size"] == 64)]["train_samples_per_s"]
    bands = [path.vertices[:, 1] for band in axis.collections for path in band.get_paths()]
    drawn = np.concatenate([*bands, *(line.get_xdata() for line in axis.lines)])
    assert {speeds.min(), speeds.max()} <= set(drawn)


@pytest.mark.parametrize(("low", "high"), [(0.99, 1.01), (0.7, 1.0), (1.4, 1.5), (0.5, 9.0), (0.02, 1.1)])
def test_the_ratios_marked_on_the_axis_have_room_for_their_labels(low, high):
    ends = np.log([min(low, 1 / 1.1), max(high, 1.1)])
    marked = speed.round_ratios(*ends)
    assert 1.0 in marked
    assert len(marked) >= 3
    assert np.diff(np.log(marked)).min() >= np.ptp(ends) / 9
    assert ends[0] <= np.log(marked[0])
    assert np.log(marked[-1]) <= ends[1]


def test_gpu_memory_has_a_panel_only_where_it_was_measured(shown):
    quantities = {"host_peak_bytes": "memory, bytes", "gpu_peak_bytes": "GPU memory, bytes"}
    figure = figures.taken(shown(gpu_peak_bytes=300 * 2**20, replicates=2).ok, quantities)
    assert [axis.get_xlabel() for axis in figure.axes] == list(quantities.values())
    lengths = {round(bar.get_width()) for container in figure.axes[1].containers for bar in container}
    assert lengths == {300 * 2**20}


def test_start_up_rows_end_in_their_total(shown):
    (axis,) = figures.startup(shown(replicates=1).ok).axes
    assert [text.get_text() for text in axis.texts] == ["4.00 s", "2.50 s"]
    assert [text.get_text() for text in axis.get_yticklabels()] == [
        "TensorFlow, mode loop",
        "PyTorch, mode loop",
    ]
