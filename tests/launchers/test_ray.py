"""A real Ray: one host alone, and two nodes with addresses of their own, one of them killed in the middle."""

from __future__ import annotations

import importlib.util
import tempfile
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.launchers import ray_cluster
from tests.launchers.sweeping import Sweep
from tests.processes import command

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("ray") is None, reason="Ray is not installed; `make setup LAUNCHER=ray`"
    ),
]


@contextmanager
def place():
    """A folder in which a socket's path is short enough, and of which no process speaks in the end."""
    with tempfile.TemporaryDirectory(prefix="ray") as folder:
        yield Path(folder)
        assert [one for one in map(command, psutil.process_iter()) if folder in " ".join(one)] == []


@pytest.fixture
def own_host(synthetic_root):
    with place() as folder, ray_cluster.alone(folder, XDG_CACHE_HOME=str(synthetic_root.parent)) as made:
        yield made


@pytest.fixture(scope="module")
def cluster(synthetic_root):
    if why_not := ray_cluster.why_not():
        pytest.skip(why_not)
    with place() as folder, ray_cluster.cluster(folder, XDG_CACHE_HOME=str(synthetic_root.parent)) as made:
        yield made


@pytest.fixture
def sweep_on(tmp_path, synthetic_root):
    return lambda cluster: Sweep(tmp_path / "sweep", synthetic_root.parent, **cluster.environment)


@pytest.fixture
def sweep(cluster, sweep_on):
    return sweep_on(cluster)


def ray(cluster, *options):
    given = (f"address={cluster.address}", *options)
    return ("--launcher", "ray", *(word for option in given for word in ("--option", option)))


def test_a_host_alone_measures_one_shard_after_the_other(own_host, sweep_on):
    sweep = sweep_on(own_host)
    sweep.plan("--batch-size", "10,20", "--replicates", "1", shards=2)
    with sweep.launched(*ray(own_host)) as driver:
        assert driver.wait(timeout=600) == 0, sweep.said()
    sweep.require_whole()
    assert [one.status for one in sweep.attempts()] == [0, 0]


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
