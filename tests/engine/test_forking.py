"""A forked worker is a process of its own, known and ended as a fresh one is."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import psutil
import pytest

from harness.engine.forking import ForkServer, ForkServers
from harness.engine.process import WorkerProcess
from harness.engine.surroundings import environment
from harness.errors import WorkerDied, WorkerFailed
from harness.worker.protocol import Do
from tests.engine import slow_import
from tests.engine.test_process import spec

pytestmark = pytest.mark.slow


@pytest.fixture
def surroundings(tmp_path, monkeypatch):
    """The environment of a scripted worker of TensorFlow's."""

    def of(adapter="harness.frameworks.scripted", **script):
        monkeypatch.setenv("EVENMATCH_ADAPTER_TENSORFLOW", adapter)
        monkeypatch.setenv("EVENMATCH_SCRIPT_TENSORFLOW", json.dumps(script))
        return environment(framework="tensorflow", device="cpu", threads=1, compile_cache=tmp_path)

    return of


@pytest.fixture
def fork(surroundings, tmp_path):
    """A function that forks a scripted worker, all from one server."""
    with ForkServers() as servers:

        def worker(name="worker", **script):
            return servers.worker("tensorflow", "cpu", surroundings(**script), tmp_path / f"{name}.log")

        yield worker


def test_workers_of_one_server_answer_side_by_side_each_with_its_own_script_log_and_folder(
    fork, synthetic_root, tmp_path
):
    with fork("one", events={"train 1": "chatter"}) as one, fork("other", epoch_s=0.001) as other:
        for worker in (one, other):
            worker.ask(Do.START, timeout_s=60, spec=spec(synthetic_root))
        places = {psutil.Process(worker.pid).cwd() for worker in (one, other)}
        assert len(places) == 2
        assert len({os.getsid(worker.pid) for worker in (one, other)} | {os.getsid(0)}) == 3
        for worker in (other, one):
            worker.ask(Do.TRAIN, timeout_s=60, epoch=0, first=0, last=1000)
            worker.ask(Do.FINISH, timeout_s=60)
    assert "not an answer" in (tmp_path / "one.log").read_text()
    assert (tmp_path / "other.log").read_text() == ""


def test_the_start_of_each_includes_the_import_that_was_done_once_before_it_and_collects_rubbish(
    surroundings, synthetic_root, tmp_path
):
    with ForkServers() as servers:
        for _ in range(2):
            made = surroundings(adapter="tests.engine.slow_import")
            with servers.worker("tensorflow", "cpu", made, tmp_path / "log") as worker:
                started = worker.ask(Do.START, timeout_s=60, spec=spec(synthetic_root))
                worker.ask(Do.FINISH, timeout_s=60)
            assert started["startup"]["import_s"] > slow_import.TAKES_S
            # Its server does not, while it imports.
            assert started["effective"]["collects"] == "True"


def test_one_that_dies_is_told_with_its_signal_and_harms_no_other(fork, synthetic_root):
    with fork("one") as one, fork("other") as other:
        one.ask(Do.START, timeout_s=60, spec=spec(synthetic_root))
        os.kill(one.pid, signal.SIGKILL)
        with pytest.raises(WorkerDied, match="it was ended by SIGKILL"):
            one.ask(Do.TRAIN, timeout_s=60, epoch=0, first=0, last=1000)
        other.ask(Do.START, timeout_s=60, spec=spec(synthetic_root))
        other.ask(Do.FINISH, timeout_s=60)


def test_its_exit_status_is_that_of_a_fresh_worker(fork, synthetic_root):
    with fork(events={"train 1": "raise"}) as worker:
        worker.ask(Do.START, timeout_s=60, spec=spec(synthetic_root))
        with pytest.raises(WorkerFailed, match="scripted to fail"):
            worker.ask(Do.TRAIN, timeout_s=60, epoch=0, first=0, last=1000)
        with pytest.raises(WorkerDied, match="it ended with exit status 1; its log says: RuntimeError"):
            worker.ask(Do.TRAIN, timeout_s=60, epoch=1, first=0, last=1000)


def test_leaving_it_while_it_works_ends_it_at_once(fork, synthetic_root):
    worker = fork(epoch_s=30.0)
    worker.ask(Do.START, timeout_s=60, spec=spec(synthetic_root))
    worker.tell(Do.TRAIN, epoch=0, first=0, last=1000)
    worker.kill()
    worker.close()
    with pytest.raises(ProcessLookupError):
        os.kill(worker.pid, 0)


def test_a_framework_that_cannot_be_imported_is_told_by_its_worker(surroundings, synthetic_root, tmp_path):
    made = surroundings(adapter="nowhere.to_be_found")
    with (
        ForkServers() as servers,
        servers.worker("tensorflow", "cpu", made, tmp_path / "log") as worker,
        pytest.raises(WorkerFailed, match="ModuleNotFoundError: No module named 'nowhere'"),
    ):
        worker.ask(Do.START, timeout_s=60, spec=spec(synthetic_root))


@pytest.mark.parametrize("forked", [True, False])
def test_temporary_files_of_a_framework_lie_in_the_workers_folder_which_is_swept(
    surroundings, synthetic_root, tmp_path, forked
):
    given = surroundings(adapter="tests.engine.leaves_a_file"), tmp_path / "log"
    with ForkServers() as servers:
        worker = servers.worker("tensorflow", "cpu", *given) if forked else WorkerProcess(*given)
        with worker:
            worker.ask(Do.START, timeout_s=60, spec=spec(synthetic_root))
            left = Path((tmp_path / "log").read_text().strip())
            assert left.parent == Path(psutil.Process(worker.pid).cwd())
            worker.ask(Do.FINISH, timeout_s=60)
    assert not left.exists()


def test_a_server_that_has_ended_is_told_and_then_replaced(surroundings, synthetic_root, tmp_path):
    with ForkServer("tensorflow", surroundings()) as server:
        os.kill(server.pid, signal.SIGKILL)
        os.waitid(os.P_PID, server.pid, os.WEXITED | os.WNOWAIT)
        with pytest.raises(WorkerDied, match="the process that it is forked from has ended"):
            server.fork(tmp_path, {}, (0, 1, 2))
        assert not psutil.pid_exists(server.pid)
    with ForkServers() as servers:
        for _ in range(2):
            with servers.worker("tensorflow", "cpu", surroundings(), tmp_path / "log") as worker:
                worker.ask(Do.START, timeout_s=60, spec=spec(synthetic_root))
                # Once it has said its last word it is gone.
                parent = psutil.Process(worker.pid).ppid()
                worker.ask(Do.FINISH, timeout_s=60)
            os.kill(parent, signal.SIGKILL)
            os.waitid(os.P_PID, parent, os.WEXITED | os.WNOWAIT)


def test_servers_end_with_the_context_and_their_workers_with_their_own(surroundings, tmp_path):
    with ForkServers() as servers:
        with servers.worker("tensorflow", "cpu", surroundings(), tmp_path / "log") as worker:
            server = psutil.Process(worker.pid).ppid()
        assert not psutil.pid_exists(worker.pid)
        assert psutil.pid_exists(server)
    assert not psutil.pid_exists(server)


def test_on_a_gpu_a_worker_is_a_fresh_process(surroundings, tmp_path):
    with (
        ForkServers() as servers,
        servers.worker("tensorflow", "cuda:0", surroundings(), tmp_path / "log") as worker,
    ):
        assert type(worker) is WorkerProcess
