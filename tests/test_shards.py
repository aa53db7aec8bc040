"""A sweep on several hosts: planned on one, measured in shards, brought together; the real command line."""

from __future__ import annotations

import json
from collections import Counter

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from tests.test_cli import harness  # noqa: F401  (a fixture)

ASKED = (
    "--dataset", "synthetic", "--batch-size", "100,200", "--train-samples", "1000", "--epochs", "1",
    "--replicates", "3", "--round", "0.01", "--allow-mismatch",
)  # fmt: skip
SCRIPTS = {"tensorflow": {"epoch_s": 0.01}, "pytorch": {"epoch_s": 0.02}}


@pytest.fixture
def command(harness, synthetic_root):  # noqa: F811
    def run(*arguments):
        return harness(*arguments, scripts=SCRIPTS, XDG_CACHE_HOME=str(synthetic_root.parent))

    return run


def planned(tmp_path):
    return [json.loads(path.read_text()) for path in sorted((tmp_path / "plan").glob("*.json"))]


def test_a_plan_has_a_file_for_each_host_and_every_match_once(harness, tmp_path):  # noqa: F811
    done = harness("plan", *ASKED, "--shards", "3", "--output", "plan")
    assert done.returncode == 0, done.stderr
    assert "3 shards in plan" in done.stdout
    shards = planned(tmp_path)
    assert [(one["shard"], one["shards"]) for one in shards] == [(1, 3), (2, 3), (3, 3)]
    assert len({one["plan_id"] for one in shards}) == 1
    names = Counter(name for one in shards for name in one["matches"])
    assert set(names.values()) == {1}
    case = "synthetic-cpu-loop-fp32-b{}-e1-n1000"
    for size in (100, 200):
        assert sum(name.startswith(f"{case.format(size)}-r") for name in names) == 3


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--shards", "0"), "SHARDS=0: not allowed; use a whole number from 1 to 10000"),
        (("--shards", "many"), "SHARDS=many"),
        (("--shards", "99", "--device", "cpu"), "a shard has whole matches"),
        (("--shards", "2", "--mode", "best"), "MODE=best"),
    ],
)
def test_what_cannot_be_planned_is_refused_in_one_line(harness, tmp_path, arguments, complaint):  # noqa: F811
    done = harness("plan", "--replicates", "2", *arguments, "--output", "plan")
    assert done.returncode == 2
    assert complaint in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_a_plan_is_left_as_it_is(harness, tmp_path):  # noqa: F811
    for status in (0, 2):
        done = harness("plan", *ASKED, "--shards", "2", "--output", "plan")
        assert done.returncode == status
    assert "holds a plan already" in done.stderr
    assert len(planned(tmp_path)) == 2


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"evenmatch_shard": 2}, "is no shard of this version"),
        ({"git_commit": "another"}, "planned with git_commit another"),
        ({"harness_version": "9.9"}, "planned with harness_version 9.9"),
        ({"plan_id": "../../escaped"}, "is no shard of this version"),
        ({"plan_id": 3}, "is no shard of this version"),
        ({"shard": 4}, "shard 4 of 2"),
        ({"shard": True}, "shard True of 2"),
        ({"shards": None}, "is no shard of this version"),
        ({"config": []}, "is no shard of this version"),
        ({"config": {"seed": 1}}, "is no shard of this version"),
    ],
)
def test_a_file_that_is_no_shard_is_refused_in_one_line(harness, tmp_path, change, complaint):  # noqa: F811
    assert harness("plan", *ASKED, "--shards", "2", "--output", "plan").returncode == 0
    (tmp_path / "plan" / "1.json").write_text(json.dumps(planned(tmp_path)[0] | change))
    done = harness("run-shard", "plan/1.json", "--output", "out")
    assert done.returncode == 2
    assert complaint in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_shards_brought_together_are_the_run_of_the_same_plan_but_for_times(command, tmp_path):
    assert command("plan", *ASKED, "--shards", "2", "--output", "plan").returncode == 0
    for number in (1, 2):
        done = command("run-shard", f"plan/{number}.json", "--output", f"out/{number}")
        assert done.returncode == 0, done.stderr
        assert "it ended because every match of the shard was measured" in done.stderr
    again = command("run-shard", "plan/2.json", "--output", "out/2")
    assert again.returncode == 0, again.stderr
    assert "nothing is missing" in again.stderr
    done = command("import", "out/1", "out/2", "out/1")
    assert done.returncode == 0, done.stderr
    assert "is here already" in done.stdout

    alone = command("bench", *ASKED, "--results", "alone", "--at-best", "no")
    assert alone.returncode == 0, alone.stderr
    one, several = (pd.read_parquet(tmp_path / name / "trials") for name in ("alone", "results"))
    same = ["role", "contender", "seat", "replicate", "seed", "status", "train_samples", "weights_sha256"]
    in_order = ["role", "contender", "seat", "replicate"]
    one, several = (frame[same].sort_values(in_order).reset_index(drop=True) for frame in (one, several))
    pd.testing.assert_frame_equal(one, several)

    plan_id = planned(tmp_path)[0]["plan_id"]
    runs = pd.read_parquet(tmp_path / "results" / "runs").sort_values("shard")
    assert list(zip(runs["plan_id"], runs["shard"], runs["shards"], strict=True)) == [
        (plan_id, 1, 2), (plan_id, 2, 2)
    ]  # fmt: skip
    assert command("report", plan_id).returncode == 0
    assert (tmp_path / "reports" / "summary.html").is_file()
    assert command("check").returncode == 0


@pytest.mark.slow
def test_a_shard_says_nothing_of_cases_that_others_were_dealt(command, tmp_path):
    few = [*ASKED, "--replicates", "1"]
    assert command("plan", *few, "--shards", "3", "--output", "plan").returncode == 0
    for number in (1, 2, 3):
        done = command("run-shard", f"plan/{number}.json", "--output", f"out/{number}")
        assert done.returncode == 0, done.stdout + done.stderr
    trials = [pd.read_parquet(tmp_path / "out" / str(number) / "trials") for number in (1, 2, 3)]
    assert len({tuple(sorted(one["case_id"].unique())) for one in trials}) > 1
    assert set(pd.concat(trials)["status"]) == {"ok"}


@pytest.mark.slow
def test_a_shard_that_was_interrupted_goes_on(command, tmp_path):
    assert command("plan", *ASKED, "--shards", "2", "--output", "plan").returncode == 0
    assert command("run-shard", "plan/1.json", "--output", "out").returncode == 0
    # As a host that died in the middle has left it.
    trials = pd.read_parquet(tmp_path / "out" / "trials")
    there = trials["match_id"].unique()[:2]
    for path in (tmp_path / "out").glob("[tr]*/*.parquet"):
        table = pq.read_table(path)
        if path.parent.name == "runs":
            number = table.column_names.index("status")
            table = table.set_column(number, table.schema.field(number), pa.array(["running"]))
        else:
            table = table.filter(pc.is_in(table.column("match_id"), pa.array(list(there))))
        pq.write_table(table, path)
    done = command("run-shard", "plan/1.json", "--output", "out")
    assert done.returncode == 0, done.stderr
    after = pd.read_parquet(tmp_path / "out" / "trials")
    assert Counter(after["match_id"]) == Counter(trials["match_id"])
    untouched = after[after["match_id"].isin(there)].set_index("trial_id")["started_at"]
    assert (untouched == trials.set_index("trial_id").loc[untouched.index, "started_at"]).all()


@pytest.mark.slow
def test_shards_of_two_kinds_of_hardware_are_judged_apart(command, tmp_path):
    assert command("plan", *ASKED, "--shards", "2", "--output", "plan").returncode == 0
    for number in (1, 2):
        done = command("run-shard", f"plan/{number}.json", "--output", f"out/{number}")
        assert done.returncode == 0, done.stderr
    # As another host of another kind would have left it.
    (path,) = (tmp_path / "out" / "2" / "runs").glob("*.parquet")
    table = pq.read_table(path)
    for name, value in {"hostname": "elsewhere", "cpu_model": "Another Processor"}.items():
        place = table.column_names.index(name)
        table = table.set_column(place, table.schema.field(place), pa.array([value]))
    pq.write_table(table, path)
    assert command("import", "out/1", "out/2").returncode == 0
    plan_id = planned(tmp_path)[0]["plan_id"]
    done = command("report", plan_id)
    assert done.returncode == 0, done.stderr
    assert "2 kinds of hardware" in " ".join(done.stdout.split())
    page = (tmp_path / "reports" / "summary.html").read_text()
    assert "Another Processor, batch 100" in page
    told = json.loads(command("export", plan_id).stdout)
    assert [len(kind["runs"]) for kind in told["kinds"]] == [1, 1]
    assert command("report", plan_id, "--leave-out", "off-hosts").returncode == 0


def test_what_cannot_be_left_out_is_refused_in_one_line(harness):  # noqa: F811
    done = harness("report", "--leave-out", "slow-hosts")
    assert done.returncode == 2
    assert done.stderr.strip() == "harness: LEAVE_OUT=slow-hosts: not allowed; use off-hosts"
