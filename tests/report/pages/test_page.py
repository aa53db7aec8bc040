"""The page: one file that holds everything, escapes everything, and says what it does not show."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import matplotlib as mpl
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from harness.errors import ResultsUnusable
from harness.report.pages import context
from harness.report.pages.sections import learning, speed
from harness.report.pages.summary import _prose, write_page
from harness.work.records import Failure
from harness.work.workload import Mode
from tests.report.conftest import THIRD

pytestmark = pytest.mark.slow

HOSTILE = "<script>alert('x')</script>\"&\u202e" + "n" * 10_000


class Elements(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]


@pytest.fixture
def page(frames, tmp_path):
    def draw(**kind):
        return write_page(frames(**kind), tmp_path / "reports").read_text(encoding="utf-8")

    return draw


@pytest.fixture(scope="module")
def html(ordinary_page):
    return ordinary_page.read_text(encoding="utf-8")


def test_what_a_sentence_has_between_backticks_is_code_on_the_page_and_escaped(page):
    html = page()
    assert "<code>make calibrate</code> tells how often it errs" in html
    assert "`" not in html
    assert str(_prose("`a <b> c` & `d")) == "<code>a &lt;b&gt; c</code> &amp; `d"


def test_the_page_is_one_file_that_asks_for_nothing(html):
    elements = Elements(html)
    assert not {"script", "link", "iframe", "object", "img"} & set(elements.tags)
    assert not [
        one for one in elements.attributes if one[1] in {"src", "srcset", "xlink:href"} and "#" not in one[2]
    ]
    assert not re.search(r"https?:|@import|url\((?!#)", html)
    assert "default-src 'none'" in html
    assert len(html.encode()) < 2_000_000


def test_ids_are_unique_so_that_figures_do_not_borrow_from_each_other(html):
    ids = [value for _, name, value in Elements(html).attributes if name == "id"]
    assert len(ids) == len(set(ids))


def test_every_reference_inside_the_page_leads_somewhere(html):
    ids = {value for _, name, value in Elements(html).attributes if name == "id"}
    assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', html)) <= ids


def test_every_figure_has_a_text_alternative_and_its_numbers(html):
    assert html.count('role="img"') == html.count("<title id=") == html.count("<desc id=") == 8
    assert html.count("The numbers behind the figure") == 8


def test_figures_follow_the_theme_instead_of_carrying_their_colours(html):
    (style, *figures) = re.findall(r"<style>.*?</style>|<svg.*?</svg>", html, flags=re.DOTALL)
    assert "prefers-color-scheme: dark" in style
    used = {colour for figure in figures for colour in re.findall(r"#[0-9a-f]{6}\b", figure)}
    assert used == set()


def test_small_pictures_of_each_figure_land_beside_it(ordinary_page):
    names = {path.name for path in (ordinary_page.parent / "figures").iterdir()}
    drawn = (
        "throughput",
        "ratio",
        "roofline",
        "accuracy",
        "time_to_accuracy",
        "memory",
        "startup",
        "evaluation",
    )
    assert names == {f"{name}.png" for name in drawn}


def test_hostile_text_appears_as_text(page):
    html = page(
        run={"hostname": HOSTILE, "cpu_model": HOSTILE, "command": HOSTILE, "gpu_names": [HOSTILE]},
        fail=Failure(kind="raised", reason=HOSTILE),
        batch_sizes=(64,),
        replicates=2,
    )
    assert "<script" not in html
    assert html.count("&lt;script&gt;alert(&#39;x&#39;)") >= 4
    assert "\u202e" not in html
    assert len(html) < 2_000_000


def test_a_failed_trial_is_told_at_the_top_and_in_its_table(page, failure):
    html = page(fail=failure, batch_sizes=(64,), replicates=2)
    assert "2 of 8 trials failed; see Failures." in html
    assert "it was ended by SIGKILL" in html


def test_synthetic_data_and_part_of_the_data_are_marked_at_the_top(page, synthetic):
    html = page(train_samples=6000, batch_sizes=(64,), replicates=1, **synthetic)
    top = html[: html.index('id="answer"')]
    assert "Synthetic data" in top
    assert "6,000 of the 60,000" in top


def test_full_real_data_has_no_warning(html):
    assert 'role="note"' not in html


def test_what_a_failed_trial_measured_before_it_failed_is_not_drawn(shown, failure, tmp_path, monkeypatch):
    made = shown(fail=failure, batch_sizes=(64,), replicates=2)
    drawn = []
    draw = learning.figures.accuracy
    monkeypatch.setattr(learning.figures, "accuracy", lambda rounds: drawn.append(rounds) or draw(rounds))
    learning.accuracy(made, tmp_path)
    finished = set(made.learned["trial_id"])
    assert set(made.learned_rounds["trial_id"]) > finished
    assert set(drawn[0]["trial_id"]) == finished


def test_trials_without_start_up_times_leave_the_page_whole(frames, tmp_path):
    shown = frames(batch_sizes=(64,), replicates=1)
    parts = ["import_s", "data_s", "build_s", "first_step_s", "startup_s"]
    bare = replace(shown, trials=shown.trials.assign(**dict.fromkeys(parts, float("nan"))))
    html = write_page(bare, tmp_path / "reports").read_text(encoding="utf-8")
    assert "No trial reported its start-up." in html
    assert "startup-title" not in html


def test_what_is_not_drawn_says_why(page, failure):
    html = page(fail=failure, batch_sizes=(64,), replicates=1)
    assert "No case has both frameworks measured" in html
    assert "GPU memory was not measured: the device is a CPU" in html


def test_too_many_cases_for_one_figure_are_refused_with_the_reason(shown, tmp_path):
    section = learning.accuracy(shown(batch_sizes=range(20, 45), replicates=1, epochs=1), tmp_path)
    assert section.reason == "25 cases do not fit one figure; the table has the last epoch of each."
    assert section.svg is None
    assert len(section.table.rows) == 50


def test_several_modes_get_a_panel_each(shown, tmp_path):
    section = speed.throughput(shown(modes=(Mode.LOOP, Mode.EAGER), replicates=1), tmp_path)
    assert re.findall(r">(loop|eager)</text>", section.svg) == ["loop", "eager"]


def test_many_cases_left_out_are_counted_and_few_are_named_apart(shown):
    modes, batches = (Mode.LOOP, Mode.EAGER), (64, 128, 256)
    few = shown(modes=modes, batch_sizes=batches, uncertified=(64,), replicates=1)
    assert few.left_out == " Not drawn, for want of a certificate: loop, batch 64; eager, batch 64."
    many = shown(modes=(*modes, Mode.COMPILED), batch_sizes=batches, uncertified=(64, 128), replicates=1)
    assert many.left_out.endswith(": 6 cases, which the table of ratios names.")


def test_a_case_of_which_no_trial_finished_is_left_out_for_another_reason_than_its_certificate(shown):
    both = shown(batch_sizes=(64, 512), uncertified=(512,), replicates=1)
    assert both.left_out == " Not drawn, for want of a certificate: batch 512."
    never = replace(both, ok=both.ok[both.ok["batch_size"] != 512])
    assert never.left_out == ""


def test_the_command_is_there_to_copy(html):
    assert ".venv/bin/harness bench --batch-size &#39;64,512&#39;" in html


def test_a_failed_certificate_is_told_in_answer_and_section_and_is_not_drawn(page):
    html = page(uncertified=(64, 512), replicates=1)
    assert "certificate failed at optimizer" in html
    assert "Proven: 0 of 2 cases." in html
    assert "What did not hold" in html
    assert "No case has both frameworks measured and certified" in html
    assert html.count("No case has its certificate") == 10
    assert "<svg" not in html


def test_a_page_without_a_single_trial_still_says_why(page):
    html = page(uncertified=(64, 512), replicates=0)
    assert "Not measured: the frameworks did not do the same work" in html


def test_a_case_without_its_certificate_is_left_out_of_the_figure_by_name(page):
    html = page(uncertified=(512,), replicates=1)
    told = re.findall(r'<h2 id="(\w+)">[^<]*</h2>\s*<p class="intro">[^<]*Not drawn, for want', html)
    drawn = [
        "throughput",
        "roofline",
        "accuracy",
        "time_to_accuracy",
        "memory",
        "startup",
        "evaluation",
        "latency",
    ]
    assert told == drawn
    assert "for want of a certificate: batch 512." in html
    for svg in re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL):
        assert not re.search(r">batch 512</text>", svg)


def test_a_ratio_without_an_interval_is_not_drawn(shown, tmp_path):
    section = speed.ratio(shown(batch_sizes=(64,), replicates=1), tmp_path)
    assert section.reason.startswith("Too few replicates for an interval")
    assert section.svg is None


def test_a_figure_refused_today_leaves_no_picture_of_yesterday(shown, tmp_path):
    speed.ratio(shown(batch_sizes=(64,)), tmp_path)
    assert (tmp_path / "ratio.png").exists()
    speed.ratio(shown(batch_sizes=(64,), replicates=1), tmp_path)
    assert not (tmp_path / "ratio.png").exists()


def test_runs_from_different_machines_are_not_mixed_in_silence(several_runs, tmp_path):
    one = {"batch_sizes": (64,), "replicates": 1}
    shown = several_runs(
        one, one | {"run": {"run_id": "20260102T000000-abcd", "cpu_model": "Another", "torch_version": "9.9"}}
    )
    html = write_page(shown, tmp_path / "reports").read_text(encoding="utf-8")
    assert "2 runs are read as one though they differ in processor and PyTorch version" in html


def test_nothing_is_left_behind_where_the_page_cannot_be_written(frames, tmp_path):
    blocked = tmp_path / "reports"
    blocked.write_text("a file, not a folder")
    with pytest.raises(ResultsUnusable, match="reports"):
        write_page(frames(replicates=1), blocked)
    assert blocked.read_text() == "a file, not a folder"


def test_long_tables_are_cut_and_say_so():
    frame = pd.DataFrame({"value": range(context.MOST_ROWS + 1)})
    table = context.table("Values", frame, (("value", "value", str),))
    assert len(table.rows) == context.MOST_ROWS
    assert table.caption == "Values (the first 500 of 501 rows; all are in results/)"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "paper"),
    [("ink", "paper"), ("muted", "paper"), ("muted", "raised"), ("of-tensorflow", "paper"),
     ("of-pytorch", "paper"), ("warn", "warn-paper")],
)  # fmt: skip
def test_text_stands_out_from_its_ground_in_both_schemes(html, scheme, ink, paper):
    light, dark = (dict(re.findall(r"--([\w-]+): #(\w{6})\b", block)) for block in html.split("@media")[:2])
    colours = {"light": light, "dark": dark}[scheme]
    darker, lighter = sorted((luminance(colours[ink]), luminance(colours[paper])))
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def luminance(colour):
    """Relative luminance of WCAG 2."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_runs_without_trials_or_certificates_are_refused(frames, tmp_path):
    shown = frames(batch_sizes=())
    with pytest.raises(ResultsUnusable, match="nothing to draw"):
        write_page(shown, tmp_path / "reports")


def test_drawing_leaves_nothing_behind_in_matplotlib(frames, tmp_path):
    before = dict(mpl.rcParams)
    write_page(frames(batch_sizes=(64,), replicates=1), tmp_path / "reports")
    assert dict(mpl.rcParams) == before
    assert plt.get_fignums() == []


def test_drawing_needs_no_framework():
    code = (
        "import sys, harness.report.pages.summary; "
        "print(sorted({'torch', 'tensorflow', 'keras'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_where_keras_has_xla_compile_fit_the_page_says_that_two_executions_are_compared(frames):
    ordinary = frames(modes=(Mode.IDIOMATIC,))
    compiled = ordinary.trials.assign(effective_json='{"step": "fit (XLA)"}')
    (said,) = context.warnings(replace(ordinary, trials=compiled))
    assert "Keras has XLA compile" in said
    assert context.warnings(ordinary) == ()


def test_the_page_says_how_much_of_a_run_was_timed(page):
    html = page(run={"wall_s": 240.0, "timed_s": 60.0}, batch_sizes=(64,), replicates=2)
    assert "Of the 240 s after the first certificates, 25 % were rounds that tell a speed" in html
    assert "after the first certificates" not in page(batch_sizes=(64,), replicates=2)


def test_of_three_frameworks_the_page_has_every_name_ratio_and_agreement(page):
    html = page(beside={THIRD: 1.8}, modes=(Mode.LOOP, Mode.EAGER))
    assert f"<h1>TensorFlow, PyTorch or {THIRD}?</h1>" in html
    assert "Did all learn the same?" in html
    assert "One framework&#39;s throughput divided by another&#39;s" in html
    for pair in ("TensorFlow over PyTorch", f"TensorFlow over {THIRD}", f"PyTorch over {THIRD}"):
        assert f">mode loop, batch 64, {pair}<" in html or f"loop, batch 64, {pair}" in html
    assert "TensorFlow trains fastest at batch 64 and 512: " in html
