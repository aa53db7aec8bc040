"""A plan that `harness launch` has measured, here on this host; what it refuses, and what it goes on with."""

from __future__ import annotations

import json
from collections import Counter

import pandas as pd
import pytest

from harness.launchers import notes
from harness.measure.alone import PLACE_VARIABLE
from tests.launchers.sweeping import Sweep
from tests.test_cli import harness  # noqa: F401  (a fixture)
from tests.test_shards import ASKED, command  # noqa: F401  (a fixture)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--launcher", "lsf"), "LAUNCHER=lsf: not allowed; use one of local, slurm, ray"),
        (("--option", "partition=x"), "a name that This host has: none"),
        (("--tries", "0"), "TRIES=0: not allowed"),
        (("--silent", "no"), "SILENT=no: not allowed"),
        (("--silent", "29"), "SILENT=29: not allowed; use 30 seconds or more"),
        ((), "PLAN=plan: holds no shards; `harness plan` writes them"),
    ],
)
def test_what_cannot_be_launched_is_refused_in_one_line(harness, tmp_path, arguments, complaint):  # noqa: F811
    done = harness("launch", "plan", "--output", "out", *arguments)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_shards_of_two_plans_are_not_launched_together(harness, tmp_path):  # noqa: F811
    for name in ("one", "two"):
        assert harness("plan", *ASKED, "--shards", "2", "--output", name).returncode == 0
    (tmp_path / "one" / "3.json").write_text((tmp_path / "two" / "1.json").read_text())
    done = harness("launch", "one", "--output", "out")
    assert done.returncode == 2
    assert "PLAN=one: holds shards of several plans" in done.stderr


@pytest.mark.slow
def test_a_plan_is_measured_on_this_host_and_a_second_launch_measures_nothing(command, tmp_path):  # noqa: F811
    assert command("plan", *ASKED, "--shards", "2", "--output", "plan").returncode == 0
    done = command("launch", "plan", "--output", "out")
    assert done.returncode == 0, done.stderr
    assert "2 finished" in done.stderr
    assert "no verdict at batch 100 and 200" in done.stdout
    asked = Counter(
        name
        for path in (tmp_path / "plan").glob("*.json")
        for name in json.loads(path.read_text())["matches"]
    )
    trials = pd.read_parquet(tmp_path / "results" / "trials")
    names = {match.split("-s000")[1][2:] for match in trials["match_id"]}
    assert names == set(asked)
    assert Counter(trials["trial_id"]).most_common(1)[0][1] == 1

    again = command("launch", "plan", "--output", "out")
    assert again.returncode == 0, again.stderr
    assert again.stdout.count("is here already") == 2
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "results" / "trials"), trials)
    assert len(list((tmp_path / "out" / "launch").glob("000*/*.json"))) == 2
    assert command("check").returncode == 0


@pytest.mark.slow
def test_a_shard_that_is_refused_is_given_up_with_its_words_and_the_others_go_on(command, tmp_path):  # noqa: F811
    assert command("plan", *ASKED, "--shards", "2", "--output", "plan").returncode == 0
    path = tmp_path / "plan" / "1.json"
    told = json.loads(path.read_text())
    told["config"]["threads"] = 4096
    path.write_text(json.dumps(told))
    done = command("launch", "plan", "--output", "out")
    assert done.returncode == 1
    assert "shard 1 of 2: not finished, harness: THREADS=4096" in done.stderr
    assert "shard 2 of 2: finished" in done.stderr
    assert len(pd.read_parquet(tmp_path / "results" / "runs")) == 1


@pytest.mark.slow
def test_a_driver_that_is_told_to_end_ends_what_it_began_and_the_same_command_goes_on(
    tmp_path, synthetic_root
):
    sweep = Sweep(tmp_path / "sweep", synthetic_root.parent, **{PLACE_VARIABLE: str(tmp_path)})
    sweep.plan("--batch-size", "10,20", "--replicates", "1", shards=1)
    with sweep.launched() as driver:
        sweep.until(lambda: "running on" in sweep.said(), driver)
    assert driver.wait() == 130
    assert "interrupted; go on with: harness launch plan --output out" in sweep.said()
    (note,) = sweep.attempts()
    assert note.ended_by == notes.ASKED
    with sweep.launched() as driver:
        assert driver.wait() == 0, sweep.said()
    sweep.require_whole()
