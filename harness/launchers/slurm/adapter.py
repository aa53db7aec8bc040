"""Shards as jobs of SLURM: submitit has them queued, and SLURM's own commands say how they stand.

`sacct` is asked nothing: it needs a database that many sites do not have. What `squeue` has forgotten, or
does not know of a host that hangs, the driver learns from the shared folder.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final, Self

import submitit
from submitit.core.utils import FailedJobError, FailedSubmissionError

from harness.errors import LauncherMissing, LaunchFailed
from harness.launchers.record import Errand, Seen, Standing, Task
from harness.launchers.slurm.job import ShardJob
from harness.launchers.slurm.record import Settings

_ANSWER_S: Final = 60

_STANDING: Final = {
    "PENDING": Standing.WAITING,
    "REQUEUED": Standing.WAITING,
    "REQUEUE_FED": Standing.WAITING,
    "REQUEUE_HOLD": Standing.WAITING,
    "SPECIAL_EXIT": Standing.WAITING,
    "CONFIGURING": Standing.RUNNING,
    "RUNNING": Standing.RUNNING,
    "SUSPENDED": Standing.RUNNING,
    "STOPPED": Standing.RUNNING,
    "RESIZING": Standing.RUNNING,
    "SIGNALING": Standing.RUNNING,
    "STAGE_OUT": Standing.RUNNING,
    "COMPLETING": Standing.RUNNING,
    "PREEMPTED": Standing.PREEMPTED,
    "TIMEOUT": Standing.OUT_OF_TIME,
    "NODE_FAIL": Standing.HOST_LOST,
    "BOOT_FAIL": Standing.HOST_LOST,
    "CANCELLED": Standing.WITHDRAWN,
    "REVOKED": Standing.WITHDRAWN,
}

# A site without a limit of its own has this one; SLURM's default.
_MOST_IN_ARRAY: Final = 1001

# submitit's own count of timeouts is not to end anything: it takes any end of a short job for one.
_ANY_NUMBER: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class _Line:
    job_id: str
    state: str
    host: str
    reason: str


# Why a job waits that wants a node which is not to be had.
_NO_NODE: Final = "ReqNodeNotAvail"

_FORGOTTEN: Final = _Line("", "", "", "")


class SlurmFleet:
    """Jobs of one plan, known by their name."""

    def __init__(self, errand: Errand, settings: Settings) -> None:
        self._settings = settings
        self._name = f"evenmatch-{errand.plan_id}"
        self._executor = submitit.SlurmExecutor(errand.folder, max_num_timeout=_ANY_NUMBER)
        self._jobs: dict[int, str] = {}
        self._pinned: dict[int, str] = {}

    def __enter__(self) -> Self:
        queued = [one.job_id for one in self._queue() if _stands(one.state) in _ALIVE]
        if queued:
            raise LaunchFailed(
                f"plan {self._name.partition('-')[2]}: SLURM still has jobs of it ({', '.join(queued[:5])}); "
                f"wait for their end, or end them with `scancel --name {self._name}`"
            )
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(LaunchFailed):
            ours = set(self._jobs.values())
            left = [one.job_id for one in self._queue() if _stands(one.state) in _ALIVE]
            if ending := [job_id for job_id in left if job_id in ours]:
                _said("scancel", *ending)

    def send(self, tasks: Sequence[Task], *, shunned: frozenset[str]) -> None:
        for part in _parts(tasks, _most_in_array()):
            host = part[0].host
            self._executor.update_parameters(**self._asked(shunned, host))
            job = ShardJob(self._settings.notice_s)
            try:
                with self._executor.batch():
                    sent = [self._executor.submit(job, task.command) for task in part]
            except (FailedJobError, FailedSubmissionError, OSError) as error:
                raise LaunchFailed(f"SLURM takes no job: {_in_a_line(error)}") from error
            self._jobs |= {task.number: one.job_id for task, one in zip(part, sent, strict=True)}
            self._pinned |= {task.number: host for task in part if host is not None}

    def look(self) -> Mapping[int, Seen]:
        try:
            queue = {one.job_id: one for one in self._queue()}
        except LaunchFailed:
            return {}
        # What it has forgotten has ended some minutes ago.
        return {
            number: self._seen(number, queue.get(job_id, _FORGOTTEN)) for number, job_id in self._jobs.items()
        }

    def _seen(self, number: int, line: _Line) -> Seen:
        standing, pinned = _stands(line.state), self._pinned.get(number)
        if standing is Standing.WAITING and pinned and line.reason.startswith(_NO_NODE):
            return Seen(standing=Standing.HOST_LOST, host=pinned)
        return Seen(standing=standing, host=line.host or None, why=line.reason.replace("None", ""))

    def recall(self, number: int) -> None:
        job_id = self._jobs.pop(number, None)
        self._pinned.pop(number, None)
        if job_id is not None:
            with suppress(LaunchFailed):
                _said("scancel", job_id)

    def _queue(self) -> Iterator[_Line]:
        """What SLURM knows of this plan's jobs, some minutes after their end, too."""
        said = _said(
            "squeue", "--noheader", "--array", "--states", "all", "--user", str(os.getuid()),
            "--name", self._name, "--format", "%i|%T|%N|%r",
        )  # fmt: skip
        for line in said.splitlines():
            yield _Line(*line.strip().split("|", maxsplit=3))

    def _asked(self, shunned: frozenset[str], host: str | None) -> dict[str, Any]:
        """What a job asks for, as submitit has it."""
        of = self._settings
        whole = {"exclusive": True, "mem": "0"} if of.exclusive else {}
        wanted = {
            "partition": of.partition,
            "constraint": of.constraint,
            "account": of.account,
            "qos": of.qos,
            "gres": of.gres,
            "cpus_per_task": of.cpus,
            "exclude": ",".join(sorted(shunned)),
            "nodelist": host,
        }
        return {
            "job_name": self._name,
            "time": of.limit_min,
            "nodes": 1,
            "ntasks_per_node": 1,
            "signal_delay_s": of.notice_s,
            "array_parallelism": of.at_once,
            "additional_parameters": {"requeue": True},
            # All that the job has is for its one task.
            "srun_args": ["--cpu-bind=none"],
            **whole,
            # An executor keeps what it was told last, unless it is told otherwise.
            **{name: value or None for name, value in wanted.items()},
        }


_ALIVE: Final = frozenset({Standing.WAITING, Standing.RUNNING})


def open_fleet(errand: Errand, settings: Settings) -> SlurmFleet:
    """SLURM, as far as it is this plan's.

    Raises:
        LauncherMissing: SLURM's commands are not here.
    """
    try:
        return SlurmFleet(errand, settings)
    except RuntimeError as error:
        raise LauncherMissing(f"LAUNCHER=slurm: SLURM's commands are not on this host ({error})") from error


def _stands(state: str) -> Standing:
    return _STANDING.get(state, Standing.GONE)


def _parts(tasks: Sequence[Task], most: int) -> Iterator[Sequence[Task]]:
    """Tasks that may go in one array: for the same host, or for any."""
    for _, alike in groupby(sorted(tasks, key=lambda task: task.host or ""), key=lambda task: task.host):
        several = list(alike)
        for start in range(0, len(several), most):
            yield several[start : start + most]


def _most_in_array() -> int:
    """How many jobs an array may have: the greatest number in one is less than the site's limit."""
    with suppress(LaunchFailed):
        found = re.search(r"^MaxArraySize\s*=\s*(\d+)", _said("scontrol", "show", "config"), re.MULTILINE)
        if found is not None:
            return max(1, int(found[1]) - 1)
    return _MOST_IN_ARRAY - 1


def _said(*command: str) -> str:
    """What one of SLURM's commands answers.

    Raises:
        LaunchFailed: nothing, or not in time.
    """
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=_ANSWER_S, check=True).stdout
    except subprocess.CalledProcessError as error:
        raise LaunchFailed(f"{command[0]}: {_in_a_line(error.stderr)}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LaunchFailed(f"{command[0]}: {error}") from error


def _in_a_line(said: object) -> str:
    return " ".join(str(said).split())
