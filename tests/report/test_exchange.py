"""What other programs are given: shapes that hold, and text that cannot break out of them."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest

from harness.analysis.kinds import apart
from harness.report.exchange import Format, as_json, document, explained, exported, markdown
from harness.report.pages.context import Table
from tests.explained_changes import walks_that_leave
from tests.report.conftest import THIRD

pytestmark = pytest.mark.slow


def test_the_document_holds_every_verdict_with_both_speeds(frames):
    (run,) = json.loads(as_json(document([frames(ratio=1.5)])))["runs"]
    assert [(one["batch_size"], one["phase"]) for one in run["verdicts"]] == [
        (64, "train"),
        (64, "evaluate"),
        (512, "train"),
        (512, "evaluate"),
    ]
    first = run["verdicts"][0]
    assert first["verdict"] == "tensorflow faster"
    assert first["speed_ratio_low"] < first["speed_ratio"] < first["speed_ratio_high"]
    assert first["tensorflow"]["samples_per_s"] / first["pytorch"]["samples_per_s"] == pytest.approx(
        1.5, rel=0.02
    )
    assert run["stopped_because"]
    assert run["control"]["called_different"] is False
    assert run["uncertified"] == []


def test_the_document_holds_what_each_question_is_answered(of_ways, frames):
    (run,) = json.loads(as_json(document([of_ways()])))["runs"]
    asked = [one["question"] for one in run["ways"] if one["phase"] == "train"]
    assert asked == ["written the same way", "each at its best", *["the best way in each"] * 4]
    best = run["ways"][1]
    assert (best["way_of"], best["way_over"], best["verdict"]) == ("graph", "loop-fused", "tensorflow faster")
    assert best["speed_ratio_low"] < best["speed_ratio"] < best["speed_ratio_high"]
    assert best["replicates"] == 6
    # The loops' verdict is one of both lists, corrected for all that was asked.
    assert run["verdicts"][0]["p_adjusted"] == run["ways"][0]["p_adjusted"]
    assert len(run["answers"]) == 4
    assert json.loads(as_json(document([frames()])))["runs"][0]["ways"] == []


def test_what_is_not_known_is_null_and_never_nan(frames):
    (run,) = json.loads(as_json(document([frames(replicates=1, uncertified=(64,))])))["runs"]
    assert run["verdicts"][0]["verdict"] is None
    assert run["verdicts"][0]["speed_ratio_low"] is None
    assert run["uncertified"][0]["failed_check"] == "optimizer"


def test_runs_are_exported_each_by_itself(frames):
    runs = [frames(ratio=1.5), frames(ratio=3.0, run={"run_id": "20260102T000000-beef"})]
    rows = list(csv.DictReader(io.StringIO(exported(runs, Format.CSV))))
    assert [row["run_id"][:8] for row in rows] == ["20260101"] * 4 + ["20260102"] * 4
    assert float(rows[4]["pytorch_samples_per_s"]) == pytest.approx(
        float(rows[0]["pytorch_samples_per_s"]) / 2, rel=0.02
    )


def test_github_action_benchmark_gets_name_unit_value_range_and_extra(frames):
    entries = json.loads(exported([frames()], Format.GITHUB))
    assert len(entries) == 2 * 2 * 2
    assert {frozenset(entry) for entry in entries} == {frozenset({"name", "unit", "value", "range", "extra"})}
    assert len({entry["name"] for entry in entries}) == len(entries)
    assert all(isinstance(entry["value"], float) and entry["value"] > 0 for entry in entries)


def test_markdown_has_a_line_a_verdict(frames):
    lines = exported([frames()], Format.MARKDOWN).splitlines()
    assert len(lines) == 2 + 4
    assert len({line.count("|") for line in lines}) == 1


def test_hostile_text_ends_no_cell_and_starts_no_markup():
    table = Table(caption="", headers=("a",), rows=(("<script>|`x`[y]",),), numeric=(False,))
    assert markdown(table).splitlines()[-1] == "| &lt;script>\\|\\`x\\`\\[y\\] |"


def test_an_explanation_is_told_with_its_rows_and_how_it_closes(frames):
    left = (0.9, 1.1, 1.0, 1.08, 0.92)
    told = json.loads(as_json(explained(replace(frames(), changes=walks_that_leave(left)))))
    assert told["run_id"] == frames().runs["run_id"].iloc[0]
    rows = {row["name"]: row for row in told["changes"]}
    assert rows["scaling"]["speed"] == pytest.approx(0.5)
    assert rows["unexplained"]["called"] is None
    assert (told["closing"]["closes"], told["closing"]["walks"]) == (False, 5)
    assert "What kept it from that" in told["answers"][-1]


def test_an_explanation_without_a_change_is_told_as_such(frames):
    told = explained(replace(frames(), changes=walks_that_leave((1.0,)).iloc[:0]))
    assert (told["answers"], told["changes"], told["closing"]) == ([], [], None)


def test_the_document_holds_what_share_of_the_device_each_framework_used(frames):
    (run,) = json.loads(as_json(document([frames(ratio=1.5)])))["runs"]
    told = {(one["batch_size"], one["framework"]): one for one in run["roofline"]}
    assert set(told) == {(64, "tensorflow"), (64, "pytorch"), (512, "tensorflow"), (512, "pytorch")}
    first = told[64, "tensorflow"]
    assert first["peak_flop_per_s"] == first["bound_flop_per_s"] == 1e11
    assert first["share_low"] < first["share"] < first["share_high"] < 1
    assert first["share"] == pytest.approx(first["flop_per_s"] / 1e11)
    assert (first["bound_by"], first["exceeded"], first["reason"]) == ("arithmetic", False, None)
    (run,) = json.loads(as_json(document([frames(peaks={})])))["runs"]
    assert run["roofline"][0]["share"] is None


def test_of_three_frameworks_every_two_have_a_verdict_a_row_and_a_table(frames):
    run = frames(beside={THIRD: 1.8}, batch_sizes=(64,))
    (said,) = json.loads(as_json(document([run])))["runs"]
    asked = [("tensorflow", "pytorch"), ("tensorflow", THIRD), ("pytorch", THIRD)]
    train = [one for one in said["verdicts"] if one["phase"] == "train"]
    assert [(one["speed_of"], one["speed_over"]) for one in train] == asked
    assert all(one[one["speed_of"]]["replicates"] == 6 for one in train)
    assert THIRD not in train[0]
    rows = list(csv.DictReader(io.StringIO(exported([run], Format.CSV))))
    assert [(one["speed_of"], one["speed_over"]) for one in rows] == asked * 2
    tables = exported([run], Format.MARKDOWN).split("\n\n")
    assert [table.count("\n| 2026") for table in tables] == [2, 2, 2]
    assert f"| PyTorch samples/s | {THIRD} samples/s |" in tables[2]


def of_hosts(frames, several_runs, *changes):
    """Frames of a run a host, and of all together as they are told apart by kind."""
    kinds = [
        {"batch_sizes": (64,), "run": {"run_id": f"s{number}", "hostname": f"node-{number}"} | run}
        for number, run in enumerate(changes)
    ]
    return [frames(**kind) for kind in kinds], apart(several_runs(*kinds))


def test_several_runs_are_also_told_together_by_kind_of_hardware(frames, several_runs):
    runs, together = of_hosts(frames, several_runs, {}, {}, {"cpu_model": "Another"})
    told = json.loads(exported(runs, Format.JSON, together))
    assert [one["runs"] for one in told["kinds"]] == [["s0", "s1"], ["s2"]]
    first, second = told["kinds"]
    assert first["kind"].startswith("Some Processor, 2 cores, no GPU; TensorFlow 2.21.0")
    assert [one["host"] for one in first["hosts"]] == ["node-0", "node-1"]
    assert {one["case_id"] for one in first["verdicts"]} == {
        one["case_id"] for one in told["runs"][0]["verdicts"]
    }
    assert (first["verdicts"][0]["hosts"], first["verdicts"][0]["replicates"]) == (2, 12)
    assert (second["verdicts"][0]["hosts"], second["verdicts"][0]["here_low"]) == (1, None)
    assert first["control"]["replicates"] == 12


def test_tables_name_the_kind_of_hardware_where_there_are_several(frames, several_runs):
    runs, together = of_hosts(frames, several_runs, {}, {"cpu_model": "Another"})
    rows = list(csv.DictReader(io.StringIO(exported(runs, Format.CSV, together))))
    assert len({row["kind"] for row in rows}) == 2
    assert "| run | kind | case |" in exported(runs, Format.MARKDOWN, together)
    alike, of_one = of_hosts(frames, several_runs, {}, {})
    assert "kind" not in csv.DictReader(io.StringIO(exported(alike, Format.CSV, of_one))).fieldnames
