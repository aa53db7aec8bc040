"""A page of several hosts and kinds of hardware: each judged by itself, and nothing left out in silence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.analysis.across import across
from harness.analysis.hosts import found_by, states, without
from harness.analysis.kinds import apart, parts
from harness.report.pages.context import subject, warnings
from harness.report.pages.evidence import evidence
from harness.report.pages.sections import hosts
from harness.report.pages.summary import write_page
from harness.report.sentences.answer import all_answers, judge
from tests.analysis.test_calibration import attempts
from tests.report.conftest import THIRD

pytestmark = pytest.mark.slow

OTHER = {"cpu_model": "Another Processor", "memory_bytes": 2**34}


@pytest.fixture
def measured(several_runs):
    """A builder of frames as they are read: for each host its ratio, and what else is different there."""

    def made(*hosts, replicates=6):
        return several_runs(
            *(
                {
                    "batch_sizes": (64,),
                    "replicates": replicates,
                    "ratio": ratio,
                    "run": {"run_id": f"plan-s{number}", "hostname": f"node-{number}", "memory_bytes": 2**34}
                    | run,
                    **kind,
                }
                for number, (ratio, run, kind) in enumerate(hosts)
            )
        )

    return made


def of_two_kinds(measured):
    return apart(measured((1.5, {}, {}), (1.5, {}, {}), (0.8, OTHER, {}), (0.8, OTHER, {})))


def test_runs_of_one_kind_are_as_they_were_read(frames):
    made = frames(replicates=1)
    assert apart(made) is made
    assert parts(made) == [made]


def test_each_kind_has_verdicts_of_its_own(measured):
    judged = judge(of_two_kinds(measured))
    train = judged[judged["phase"] == "train"].set_index("kind")
    assert train.loc["Some Processor", "verdict"] == "tensorflow faster"
    assert train.loc["Another Processor", "verdict"] == "pytorch faster"
    assert set(train["hosts"]) == {2}
    assert set(train["replicates"]) == {12}


def test_the_family_of_a_kind_is_what_is_asked_of_it_alone(measured):
    both = judge(of_two_kinds(measured))
    alone = judge(apart(measured((1.5, {}, {}), (1.5, {}, {}))))
    one = both[both["kind"] == "Some Processor"]
    assert list(one["p_adjusted"]) == pytest.approx(list(alone["p_adjusted"]))


def test_answers_name_their_kind_and_of_which_hosts_they_speak(measured):
    first, second = all_answers(of_two_kinds(measured))
    assert first.where.endswith("Some Processor")
    assert second.where.endswith("Another Processor")
    assert "intervals are of hosts of this kind, of which 2 were measured; of these alone" in first.sure


def test_the_page_shows_kinds_and_hosts_and_mixes_nothing(measured, tmp_path):
    made = of_two_kinds(measured)
    html = write_page(made, tmp_path / "reports").read_text(encoding="utf-8")
    assert "These runs are of 2 kinds of hardware, each judged by itself" in html
    assert "read as one" not in html
    assert 'id="kinds"' in html
    assert 'id="hosts"' in html
    assert "Some Processor, batch 64" in html
    assert "2 kinds of hardware." in subject(made)


def test_a_page_of_one_host_has_no_such_sections(ordinary_page):
    html = ordinary_page.read_text(encoding="utf-8")
    assert 'id="kinds"' not in html
    assert 'id="hosts"' not in html


def test_hosts_of_one_kind_are_listed_with_what_varies(measured, tmp_path):
    made = apart(measured((1.5, {}, {}), (1.6, {}, {}), (1.4, {}, {})))
    section = hosts.hosts(evidence(made, judge(made)), tmp_path)
    assert "<svg" in section.svg
    assert [row[0] for row in section.table.rows] == ["node-0", "node-1", "node-2"]
    assert "hosts beyond that by" in section.points[0]
    assert "18 replicates on 3 hosts" in section.points[0]


def test_each_host_has_a_ratio_of_its_own(measured):
    found = found_by(apart(measured((1.5, {}, {}), (1.2, {}, {}))))
    assert list(found["host"]) == ["node-0", "node-1"]
    assert list(found["ratio"]) == pytest.approx([1.5, 1.2], rel=0.02)


def test_kinds_that_differ_are_said_to(measured):
    made = of_two_kinds(measured)
    (row,) = across(made).to_dict("records")
    assert row["difference"] == pytest.approx(1.5 / 0.8, rel=0.02)
    section = hosts.kinds(evidence(made, judge(made)))
    assert section.points[0].endswith("; they differ.")


def test_kinds_with_one_ratio_are_not_said_to_differ(measured):
    made = apart(measured((1.5, {}, {}), (1.5, OTHER, {})))
    assert not across(made)["differs"].any()


def test_a_host_whose_control_is_off_is_named_and_its_ratio_plays_no_part_in_that(measured):
    made = apart(measured((1.5, {}, {}), (1.5, {}, {"control_ratio": 1.1}), (9.0, {}, {})))
    found = states(made).set_index("host")
    assert list(found["off"]) == [False, True, False]
    assert found.loc["node-1", "reason"] == "its control is more than 3 % from 1"
    assert any("Host node-1 is off" in said for said in warnings(made))


def test_too_few_controls_are_said_and_make_no_host_off(measured):
    made = apart(measured((1.5, {}, {"control_ratio": 2.0}), (1.5, {}, {}), replicates=3))
    found = states(made)
    assert not found["off"].any()
    assert found["reason"].iloc[0] == "3 controls, where 6 are needed to judge; not calibrated"


def test_a_host_whose_calibration_errs_too_often_is_off(measured):
    made = apart(measured((1.5, {}, {}), (1.5, {}, {})))
    tried = attempts(["first faster"] * 12 + ["inconclusive"] * 8)
    where = {"hostname": "node-1", "cpu_model": "Some Processor", "cpu_usable": 2}
    found = states(replace(made, calibrations=tried.assign(**where))).set_index("host")
    assert list(found["off"]) == [False, True]
    assert (found.loc["node-1", "wrong"], found.loc["node-1", "tries"]) == (12, 20)
    assert found.loc["node-0", "reason"] == "not calibrated"


def test_a_host_that_is_left_out_is_told_and_counts_for_nothing(measured, tmp_path):
    read = measured((1.5, {}, {}), (1.5, {}, {}), (3.0, {}, {"control_ratio": 1.1}))
    found = states(apart(read))
    made = apart(without(read, found[found["off"]]))
    judged = judge(made)
    assert set(judged["replicates"]) == {12}
    assert set(judged["hosts"]) == {2}
    html = write_page(made, tmp_path / "reports").read_text(encoding="utf-8")
    assert "Left out by the rule for hosts that are off: node-2" in html
    assert ">left out<" in html


def test_a_kind_that_is_left_out_whole_leaves_a_page_of_one_kind(measured):
    read = measured((1.5, {}, {}), (3.0, OTHER, {"control_ratio": 1.1}))
    found = states(apart(read))
    made = apart(without(read, found[found["off"]]))
    assert made.kinds.empty
    assert set(judge(made)["case_id"]) == set(judge(measured((1.5, {}, {})))["case_id"])


def test_every_two_of_three_frameworks_are_held_against_each_other_by_kind_and_by_host(measured, tmp_path):
    third = {"beside": {THIRD: 2.0}}
    made = apart(measured((1.5, {}, third), (1.5, {}, third), (0.8, OTHER, third), (0.8, OTHER, third)))
    assert list(across(made)["speed_over"]) == ["pytorch", THIRD, THIRD]
    assert len(found_by(made)) == 3 * 4
    html = write_page(made, tmp_path / "reports").read_text(encoding="utf-8")
    assert f"Some Processor, batch 64, TensorFlow over {THIRD}" in html
    assert "intervals are of hosts of this kind" in all_answers(made)[0].sure
