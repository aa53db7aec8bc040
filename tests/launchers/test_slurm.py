"""A real SLURM of two nodes: shards on both, one killed in the middle, one preempted, one out of time."""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
from pathlib import Path

import pytest

from harness.launchers.notes import ASKED, OUT_OF_TIME
from tests.launchers import slurm_cluster
from tests.launchers.sweeping import Sweep

WHY_NOT = (
    "submitit is not installed; `make setup LAUNCHER=slurm`"
    if importlib.util.find_spec("submitit") is None
    else slurm_cluster.why_not()
)

pytestmark = [pytest.mark.slow, pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))]


@pytest.fixture(scope="module")
def cluster():
    # A socket's path has to be short.
    folder = Path(tempfile.mkdtemp(prefix="slurm"))
    with slurm_cluster.cluster(folder) as made:
        yield made
    shutil.rmtree(folder)


@pytest.fixture
def sweep(cluster, tmp_path, synthetic_root):
    cluster.idle(*slurm_cluster.NODES)
    return Sweep(tmp_path / "sweep", synthetic_root.parent, **cluster.environment)


def left_in_queue(cluster):
    return cluster.run("squeue", "--noheader", "--states", "pending,running", "--format", "%i").split()


def test_a_node_that_dies_costs_no_match_and_doubles_none(cluster, sweep):
    sweep.plan("--batch-size", "10,20,30,40,50,60", "--hidden", "4,8", "--replicates", "1", shards=4)
    with sweep.launched("--launcher", "slurm", "--silent", "35") as driver:
        sweep.until(lambda: sweep.on_disk("node1") >= 2, driver)
        cluster.kill("node1")
        assert driver.wait(timeout=900) == 0, sweep.said()
    assert "no sign of life of node1 for" in sweep.said()
    _, runs = sweep.require_whole()
    assert set(runs["hostname"]) <= {"node1", "node2"}
    attempts = sweep.attempts()
    (lost,) = [one for one in attempts if one.ended_at is None]
    again = [one for one in attempts if one.shard == lost.shard and one is not lost]
    assert [(one.host, one.sending, one.status) for one in again] == [("node2", lost.sending + 1, 0)]
    assert left_in_queue(cluster) == []
    cluster.revive("node1")


def test_a_shard_that_is_preempted_goes_on_with_what_it_has(cluster, sweep):
    sweep.plan("--batch-size", "10,20,30,40,50,60", "--replicates", "2", shards=1)
    with sweep.launched("--launcher", "slurm", "--option", "partition=low", "--tries", "1") as driver:
        sweep.until(lambda: sweep.on_disk("node1") + sweep.on_disk("node2") >= 2, driver)
        other = ("sbatch", "--partition=high", "--nodes=2", "--exclusive", "--output=/dev/null")
        cluster.run(*other, "--wrap=sleep 1")
        assert driver.wait(timeout=900) == 0, sweep.said()
    sweep.require_whole()
    first, *_, last = sweep.attempts()
    assert first.ended_by in {None, ASKED}
    assert (last.status, last.ended_by) == (0, None)


def test_a_shard_that_is_told_that_its_time_is_over_ends_in_order_and_goes_on_in_another_job(cluster, sweep):
    sweep.plan("--batch-size", "10,20,30,40,50,60", "--replicates", "2", shards=1)
    options = ("limit_min=2", "notice_s=25")
    given = [word for option in options for word in ("--option", option)]
    with sweep.launched("--launcher", "slurm", *given, "--tries", "9") as driver:
        sweep.until(lambda: sweep.on_disk("node1") + sweep.on_disk("node2") >= 2, driver)
        # As SLURM does itself, some time before the end.
        cluster.run("scancel", "--signal=USR2", *left_in_queue(cluster))
        assert driver.wait(timeout=900) == 0, sweep.said()
    sweep.require_whole()
    # The last may have been told as well, while it drew its page.
    *before, last = sweep.attempts()
    assert {(one.status, one.ended_by) for one in before} == {(130, OUT_OF_TIME)}
    assert {one.host for one in before} == {last.host}
    assert "its time was over; sent again" in sweep.said()


def test_what_is_taken_out_of_the_queue_is_not_put_back_and_the_others_go_on(cluster, sweep):
    sweep.plan("--batch-size", "10,20", "--replicates", "1", shards=2)
    with sweep.launched("--launcher", "slurm", "--option", "at_once=1") as driver:
        sweep.until(lambda: len(left_in_queue(cluster)) == 2, driver)
        array = left_in_queue(cluster)[0].partition("_")[0]
        cluster.run("scancel", f"{array}_1")
        assert driver.wait(timeout=600) == 1, sweep.said()
    assert "shard 2 of 2: not finished, it was taken out of the queue" in sweep.said()
    assert "shard 1 of 2: finished" in sweep.said()


def test_more_shards_than_an_array_may_have_go_in_several(cluster, sweep):
    sweep.plan("--batch-size", "10,20,30,40,50", "--replicates", "1", shards=5)
    with sweep.launched("--launcher", "slurm", "--option", "exclusive=no") as driver:
        assert driver.wait(timeout=900) == 0, sweep.said()
    sweep.require_whole()
    scripts = list((sweep.folder / "out" / "launch" / "slurm").glob("*submission.sh"))
    assert len({path.resolve() for path in scripts}) == 2
