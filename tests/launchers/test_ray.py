"""A real Ray of two nodes with addresses of their own: shards on both, and one killed in the middle."""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.launchers import ray_cluster
from tests.launchers.sweeping import Sweep

WHY_NOT = (
    "Ray is not installed; `make setup LAUNCHER=ray`"
    if importlib.util.find_spec("ray") is None
    else ray_cluster.why_not()
)

pytestmark = [pytest.mark.slow, pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))]


@pytest.fixture(scope="module")
def cluster(synthetic_root):
    # A socket's path has to be short.
    folder = Path(tempfile.mkdtemp(prefix="ray"))
    with ray_cluster.cluster(folder, XDG_CACHE_HOME=str(synthetic_root.parent)) as made:
        yield made
    shutil.rmtree(folder)


@pytest.fixture
def sweep(cluster, tmp_path, synthetic_root):
    return Sweep(tmp_path / "sweep", synthetic_root.parent, **cluster.environment)


def ray(cluster, *options):
    given = (f"address={cluster.address}", *options)
    return ("--launcher", "ray", *(word for option in given for word in ("--option", option)))


def test_a_resource_that_no_host_has_is_refused_in_one_line(cluster, sweep):
    sweep.plan("--batch-size", "10", "--replicates", "1", shards=1)
    with sweep.launched(*ray(cluster, "resource=fpga")) as driver:
        assert driver.wait(timeout=120) == 2
    assert "resource=fpga: not allowed; use one that hosts have" in sweep.said()


def test_who_has_no_token_is_not_let_in(cluster, sweep, tmp_path):
    (tmp_path / "other").write_text("0" * 64)
    sweep.environment["RAY_AUTH_TOKEN_PATH"] = str(tmp_path / "other")
    sweep.plan("--batch-size", "10", "--replicates", "1", shards=1)
    with sweep.launched(*ray(cluster)) as driver:
        assert driver.wait(timeout=180) == 1
    assert "cannot be reached" in sweep.said()
    assert sweep.attempts() == []


def test_a_node_that_dies_costs_no_match_and_doubles_none(cluster, sweep):
    sweep.plan("--batch-size", "10,20,30,40,50,60", "--hidden", "4,8", "--replicates", "1", shards=4)
    with sweep.launched(*ray(cluster), "--silent", "35") as driver:
        sweep.until(lambda: sweep.on_disk("node1") >= 2, driver)
        cluster.kill("node1")
        assert driver.wait(timeout=900) == 0, sweep.said()
    _, runs = sweep.require_whole()
    assert set(runs["hostname"]) <= {"node1", "node2"}
    attempts = sweep.attempts()
    (lost,) = [one for one in attempts if one.ended_at is None]
    again = [one for one in attempts if one.shard == lost.shard and one is not lost]
    assert [(one.host, one.sending, one.status) for one in again] == [("node2", lost.sending + 1, 0)]
