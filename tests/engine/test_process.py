"""The parent's view of a worker: it answers, or the way it ended is known and told."""

from __future__ import annotations

import json
import os
import resource
import time
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from harness.engine.forking import ForkServers
from harness.engine.process import WorkerProcess
from harness.engine.surroundings import environment
from harness.errors import (
    LogTooLong,
    OutOfMemory,
    ProtocolError,
    WorkerDied,
    WorkerFailed,
    WorkerSilent,
    WrongDevice,
)
from harness.work.workload import Case, Dataset, Mode, TrialSpec, Workload
from harness.worker.protocol import Do, dump_spec, parse, parse_spec

ROOT = Path(__file__).parents[2]

SLOW = "tests.engine.slow_to_leave"

pytestmark = pytest.mark.slow

SPEC = TrialSpec(
    framework="tensorflow",
    case=Case(
        workload=Workload(dataset=Dataset.SYNTHETIC, batch_size=100, train_samples=1000),
        device="cpu",
        mode=Mode.LOOP,
    ),
    threads=1,
    data_root="/nowhere",
)


@pytest.fixture
def start(tmp_path, synthetic_root, monkeypatch):
    """Start a scripted worker and ask it to begin its trial."""

    def begin(**script):
        monkeypatch.setenv("EVENMATCH_ADAPTER_TENSORFLOW", "harness.frameworks.scripted")
        monkeypatch.setenv("EVENMATCH_SCRIPT_TENSORFLOW", json.dumps(script))
        conditions = environment(framework="tensorflow", device="cpu", threads=1, compile_cache=tmp_path)
        return WorkerProcess(conditions, tmp_path / "worker.log")

    return begin


def spec(root):
    return dump_spec(TrialSpec(framework="tensorflow", case=SPEC.case, threads=1, data_root=str(root)))


def test_a_spec_survives_the_pipe():
    assert parse_spec(json.loads(json.dumps(dump_spec(SPEC)))) == SPEC


def test_a_line_that_is_not_an_object_is_a_protocol_error():
    for line in (b"hello\n", b"[1]\n", b"\xff\n"):
        with pytest.raises(ProtocolError):
            parse(line)


def test_predictions_go_round_the_same_few_samples_however_many_are_ready(start, synthetic_root):
    """Ten batches are ready; the third would fail, and is never asked for."""
    with start(events={"predict 3": "raise"}) as worker:
        worker.ask(Do.START, timeout_s=60, spec=spec(synthetic_root))
        said = worker.ask(Do.PREDICT, timeout_s=60, batch_size=1000)
        assert said["calls"] > 3
        worker.ask(Do.FINISH, timeout_s=60)


def test_a_worker_answers_and_ends_by_itself(start, synthetic_root):
    with start() as worker:
        started = worker.ask(Do.START, timeout_s=60, spec=spec(synthetic_root))
        trained = worker.ask(Do.TRAIN, timeout_s=60, epoch=0, first=0, last=1000)
        finished = worker.ask(Do.FINISH, timeout_s=60)
    assert started["parameter_count"] == 101_770
    assert trained["samples"] == 1000
    assert trained["wall_s"] >= 0.002
    assert finished["host_peak_bytes"] > 10_000_000


def _running(word):
    """Processes that have this word as an argument, and are not merely waiting to be buried."""
    return [
        one
        for one in psutil.process_iter(["cmdline", "status"])
        if word in (one.info["cmdline"] or ()) and one.info["status"] != psutil.STATUS_ZOMBIE
    ]


@pytest.mark.parametrize("forked", [False, True])
def test_nobody_waits_for_an_interpreters_end_and_nothing_of_a_worker_is_left(
    synthetic_root, monkeypatch, tmp_path, forked
):
    with ExitStack() as stack:
        temporary = tmp_path / "temporary"
        temporary.mkdir()
        monkeypatch.setenv("TMPDIR", str(temporary))
        monkeypatch.setenv("EVENMATCH_ADAPTER_TENSORFLOW", SLOW)
        conditions = environment(framework="tensorflow", device="cpu", threads=1, compile_cache=tmp_path)
        given = (conditions, tmp_path / "worker.log")
        servers = stack.enter_context(ForkServers())
        worker = servers.worker("tensorflow", "cpu", *given) if forked else WorkerProcess(*given)
        stack.enter_context(worker)
        worker.ask(Do.START, timeout_s=60, spec=spec(synthetic_root))
        assert len(list(temporary.iterdir())) == 1
        worker.ask(Do.FINISH, timeout_s=60)
        assert _running(SLOW)
        begin_s = time.monotonic()
    assert time.monotonic() - begin_s < 3
    # A process that was killed may be seen for a moment.
    psutil.wait_procs(_running(SLOW), timeout=3)
    assert not _running(SLOW)
    assert list(temporary.iterdir()) == []


def test_what_a_framework_prints_goes_to_the_log_and_never_into_the_answers(start, synthetic_root, tmp_path):
    with start(events={"train 1": "chatter"}) as worker:
        worker.ask(Do.START, timeout_s=60, spec=spec(synthetic_root))
        assert worker.ask(Do.TRAIN, timeout_s=60, epoch=0, first=0, last=1000)["steps"] == 10
        worker.ask(Do.FINISH, timeout_s=60)
    assert "not an answer" in (tmp_path / "worker.log").read_text()


def test_a_shell_that_left_more_than_a_thousand_descriptors_open_is_no_matter(start, synthetic_root):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2048
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"this machine allows {hard} open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    try:
        with ExitStack() as inherited:
            for _ in range(1100):
                inherited.enter_context(Path(os.devnull).open())
            with start() as worker:
                worker.ask(Do.START, timeout_s=60, spec=spec(synthetic_root))
                worker.ask(Do.FINISH, timeout_s=60)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_an_exception_becomes_its_sentence(start, synthetic_root):
    with start(events={"train 2": "raise"}) as worker:
        worker.ask(Do.START, timeout_s=60, spec=spec(synthetic_root))
        worker.ask(Do.TRAIN, timeout_s=60, epoch=0, first=0, last=1000)
        with pytest.raises(WorkerFailed, match="RuntimeError: scripted to fail at train 2"):
            worker.ask(Do.TRAIN, timeout_s=60, epoch=1, first=0, last=1000)


def test_memory_that_runs_out_is_told_from_other_errors_with_the_peak_seen(start, synthetic_root):
    with start(events={"train 1": "memory"}) as worker:
        worker.ask(Do.START, timeout_s=60, spec=spec(synthetic_root))
        with pytest.raises(OutOfMemory, match="MemoryError: scripted to find no memory") as failed:
            worker.ask(Do.TRAIN, timeout_s=60, epoch=0, first=0, last=1000)
    assert failed.value.kind == "out of memory"
    assert failed.value.facts["host_peak_bytes"] > 10_000_000


def test_work_done_elsewhere_than_asked_fails_before_it_is_timed(start, synthetic_root):
    with start(place="gpu") as worker, pytest.raises(WrongDevice) as failed:
        worker.ask(Do.START, timeout_s=60, spec=spec(synthetic_root))
    assert str(failed.value) == "WrongDevice: asked to work on the cpu, it has its weights on the gpu"


def test_an_early_exit_names_its_status_and_its_last_words(start, synthetic_root):
    with start(events={"train 1": "exit"}) as worker:
        worker.ask(Do.START, timeout_s=60, spec=spec(synthetic_root))
        with pytest.raises(WorkerDied, match="exit status 7; its log says: scripted to exit at train 1"):
            worker.ask(Do.TRAIN, timeout_s=60, epoch=0, first=0, last=1000)


def test_a_worker_without_room_for_its_log_says_that_it_could_not_be_started(tmp_path):
    with pytest.raises(WorkerDied, match=r"^it could not be started: No such file or directory$"):
        WorkerProcess({}, tmp_path / "no folder" / "log")


def test_a_killed_worker_names_the_signal(start, synthetic_root):
    with start(events={"train 1": "kill"}) as worker:
        worker.ask(Do.START, timeout_s=60, spec=spec(synthetic_root))
        with pytest.raises(WorkerDied, match="SIGKILL"):
            worker.ask(Do.TRAIN, timeout_s=60, epoch=0, first=0, last=1000)


def test_a_silent_worker_is_given_up_after_its_deadline_and_ended(start, synthetic_root):
    with start(events={"train 1": "hang"}) as worker:
        worker.ask(Do.START, timeout_s=60, spec=spec(synthetic_root))
        with pytest.raises(WorkerSilent, match=r"no answer to train within 0\.3 s"):
            worker.ask(Do.TRAIN, timeout_s=0.3, epoch=0, first=0, last=1000)
        worker.kill()
    assert worker._process.poll() is not None


class Rude(WorkerProcess):
    module = "tests.engine.rude"


@pytest.fixture
def rude(tmp_path):
    """A function that gives a worker which is rude in the named manner."""

    def begin(manner):
        made = environment(framework="tensorflow", device="cpu", threads=1, compile_cache=tmp_path)
        return Rude(made | {"PYTHONPATH": str(ROOT), "RUDE": manner}, tmp_path / "log")

    return begin


def test_a_second_answer_is_noticed_before_anything_else_is_asked(rude):
    with rude("twice") as worker:
        worker.ask(Do.PLAN, timeout_s=60)
        with pytest.raises(ProtocolError, match="it said more than it was asked for, before train"):
            worker.ask(Do.TRAIN, timeout_s=60)
        worker.kill()


@pytest.mark.parametrize(
    ("manner", "said"),
    [
        ("a list", "not a JSON object"),
        ("no words", "not JSON"),
        ("a number", "neither ok nor error in the answer to plan"),
        ("without end", "an answer of more than 16 MiB"),
    ],
)
def test_an_answer_that_is_none_is_a_protocol_error(rude, manner, said):
    with rude(manner) as worker:
        with pytest.raises(ProtocolError, match=said):
            worker.ask(Do.PLAN, timeout_s=60)
        worker.kill()


def test_an_error_may_be_said_in_any_words(rude):
    with rude("an error of no kind") as worker:
        with pytest.raises(WorkerFailed) as failed:
            worker.ask(Do.PLAN, timeout_s=60)
        worker.kill()
    assert failed.value.facts == {}


def test_a_log_that_somebody_has_removed_is_no_matter(start, synthetic_root, tmp_path):
    with start(events={"train 1": "kill"}) as worker:
        worker.ask(Do.START, timeout_s=60, spec=spec(synthetic_root))
        (tmp_path / "worker.log").unlink()
        with pytest.raises(WorkerDied, match="its log says: nothing"):
            worker.ask(Do.TRAIN, timeout_s=60, epoch=0, first=0, last=1000)


def test_a_worker_that_prints_without_end_is_ended_and_its_log_is_cut(rude, tmp_path):
    with rude("printing") as worker:
        with pytest.raises(LogTooLong, match="it printed more than 16 MiB; its log says: noise"):
            worker.ask(Do.PLAN, timeout_s=60)
        worker.kill()
    assert (tmp_path / "log").stat().st_size == 1 << 24


@pytest.mark.parametrize(("event", "error"), [("kill", WorkerDied), ("hang", WorkerSilent)])
def test_what_a_killed_or_silent_worker_printed_last_is_told(start, synthetic_root, event, error):
    with start(events={"evaluate 1": "chatter", "train 1": event}) as worker:
        worker.ask(Do.START, timeout_s=60, spec=spec(synthetic_root))
        worker.ask(Do.EVALUATE, timeout_s=60, passes=1)
        with pytest.raises(error, match="its log says: noise"):
            worker.ask(Do.TRAIN, timeout_s=1.0, epoch=0, first=0, last=1000)
        worker.kill()
