"""What SLURM says is understood, and what it is asked is what was wanted; without any SLURM."""

from __future__ import annotations

import importlib.util
import subprocess
from types import SimpleNamespace

import pytest

if importlib.util.find_spec("submitit") is None:
    pytest.skip("submitit is not installed; `make setup LAUNCHER=slurm`", allow_module_level=True)

from harness.errors import LaunchFailed
from harness.launchers.record import Errand, Seen, Standing, Task
from harness.launchers.registry import records
from harness.launchers.slurm import adapter
from harness.launchers.slurm.job import in_seconds


@pytest.fixture
def slurm(monkeypatch, tmp_path):
    """SLURM's commands as functions: what they were asked and answer, and the scripts that they got."""
    asked = []
    answers = {"squeue": "", "scontrol": "MaxArraySize            = 4\n", "scancel": ""}
    scripts = []

    def run(command, **_):
        asked.append(command)
        answer = answers[command[0]]
        if isinstance(answer, Exception):
            raise answer
        return SimpleNamespace(stdout=answer)

    def submitted(self, command):
        scripts.append(self._make_submission_file_text(command, "x"))
        return adapter.submitit.SlurmJob(folder=self.folder, job_id=str(len(scripts)), tasks=[0])

    monkeypatch.setattr(adapter.subprocess, "run", run)
    monkeypatch.setattr(adapter.submitit.SlurmExecutor, "affinity", classmethod(lambda _: 2))
    monkeypatch.setattr(adapter.submitit.SlurmExecutor, "_submit_command", submitted)
    monkeypatch.setattr(adapter.submitit.core.utils.JobPaths, "move_temporary_file", lambda *_, **__: None)

    def opened(*given):
        settings = records()["slurm"].settled(given)
        return adapter.open_fleet(Errand(plan_id="p", folder=tmp_path, tries=3), settings)

    return SimpleNamespace(asked=asked, answers=answers, scripts=scripts, opened=opened)


def tasks(*numbers, host=None):
    return [Task(number=number, command=("true",), host=host) for number in numbers]


@pytest.mark.parametrize(
    ("state", "standing"),
    [
        ("PENDING", Standing.WAITING),
        ("RUNNING", Standing.RUNNING),
        ("COMPLETING", Standing.RUNNING),
        ("COMPLETED", Standing.GONE),
        ("FAILED", Standing.GONE),
        ("OUT_OF_MEMORY", Standing.GONE),
        ("TIMEOUT", Standing.OUT_OF_TIME),
        ("PREEMPTED", Standing.PREEMPTED),
        ("NODE_FAIL", Standing.HOST_LOST),
        ("CANCELLED", Standing.WITHDRAWN),
    ],
)
def test_every_state_has_a_standing(slurm, state, standing):
    with slurm.opened() as fleet:
        fleet.send(tasks(7), shunned=frozenset())
        slurm.answers["squeue"] = f"1|{state}|node1|None\n"
        assert fleet.look() == {7: Seen(standing=standing, host="node1")}


def test_a_job_that_slurm_has_forgotten_is_gone_and_one_that_it_cannot_tell_of_is_left_out(slurm):
    with slurm.opened() as fleet:
        fleet.send(tasks(7), shunned=frozenset())
        assert fleet.look() == {7: Seen(standing=Standing.GONE)}
        slurm.answers["squeue"] = subprocess.TimeoutExpired("squeue", 60)
        assert fleet.look() == {}


def test_shards_go_in_arrays_that_the_site_allows_and_on_no_host_that_is_shunned(slurm):
    with slurm.opened("partition=long", "constraint=fast", "exclusive=no", "cpus=8") as fleet:
        fleet.send(tasks(1, 2, 3, 4, 5), shunned=frozenset({"node9"}))
    assert [line for script in slurm.scripts for line in script.splitlines() if "--array" in line] == [
        "#SBATCH --array=0-2%3", "#SBATCH --array=0-1%2"
    ]  # fmt: skip
    for line in ("partition=long", "constraint=fast", "cpus-per-task=8", "exclude=node9", "requeue"):
        assert f"#SBATCH --{line}\n" in slurm.scripts[0]
    assert "exclusive" not in slurm.scripts[0]


def test_what_has_begun_on_a_host_goes_there_and_nothing_else_does(slurm):
    with slurm.opened() as fleet:
        fleet.send([*tasks(1), *tasks(2, host="node2"), *tasks(3)], shunned=frozenset())
        fleet.send(tasks(4), shunned=frozenset())
    assert ["nodelist=node2" in script for script in slurm.scripts] == [False, True, False]
    assert all("#SBATCH --exclusive\n" in script for script in slurm.scripts)


def test_a_host_that_is_not_to_be_had_any_more_is_lost_to_whom_it_was_meant_for(slurm):
    with slurm.opened() as fleet:
        fleet.send(tasks(1, host="node2"), shunned=frozenset())
        slurm.answers["squeue"] = "1|PENDING||ReqNodeNotAvail, UnavailableNodes:node2\n"
        assert fleet.look() == {1: Seen(standing=Standing.HOST_LOST, host="node2")}


def test_jobs_that_a_driver_left_are_named_and_not_doubled(slurm):
    slurm.answers["squeue"] = "4_1|RUNNING|node1|None\n4_0|COMPLETED|node1|None\n"
    with pytest.raises(LaunchFailed, match=r"plan p: SLURM still has jobs of it \(4_1\)"), slurm.opened():
        pass


def test_all_that_is_left_is_cancelled_at_the_end(slurm):
    with slurm.opened() as fleet:
        fleet.send(tasks(1, 2), shunned=frozenset())
        slurm.answers["squeue"] = "1_0|COMPLETED|node1|None\n1_1|RUNNING|node2|None\n8|RUNNING|node1|None\n"
    assert slurm.asked[-1] == ("scancel", "1_1")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("45", 45), ("1:05", 65), ("2:00:01", 7201), ("1-00:00:00", 86400), ("UNLIMITED", None), ("", None)],
)
def test_times_are_read_as_slurm_writes_them(text, seconds):
    assert in_seconds(text) == seconds
