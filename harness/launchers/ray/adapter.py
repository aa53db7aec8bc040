"""Shards as tasks of Ray, each of which holds its host's one place and starts a process."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

# Ray reads it as it is imported. Without a token whoever reaches the cluster's port runs code there.
os.environ.setdefault("RAY_AUTH_MODE", "token")

import ray
from ray import exceptions

from harness.errors import BadOption, LaunchFailed
from harness.launchers.ray.record import Settings
from harness.launchers.record import Errand, Seen, Standing, Task

# Ray's errors are whole traces, the last words of which tell most.
_MOST_SHOWN: Final = 200

# The label that Ray itself gives to each node.
_NODE: Final = "ray.io/node-id"


@dataclass(frozen=True, slots=True)
class _Sent:
    """A task; the first thing that it does is to write its host's name into `begun`."""

    reference: Any
    begun: Path


class RayFleet:
    """Tasks of this driver; they end with it."""

    def __init__(self, errand: Errand, settings: Settings) -> None:
        self._folder = errand.folder
        self._settings = settings
        self._sent: dict[int, _Sent] = {}

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            ray.init(address=self._settings.address, log_to_driver=False, logging_level="ERROR")
        except (ConnectionError, RuntimeError, exceptions.RayError, ValueError) as error:
            raise LaunchFailed(
                f"Ray at {self._settings.address}: cannot be reached ({_in_a_line(error)}); see docs/SCALE.md"
            ) from error
        if not ray.cluster_resources().get(self._settings.resource):
            ray.shutdown()
            raise BadOption(
                "resource", self._settings.resource, "one that hosts have: `ray start --resources` gives it"
            )
        return self

    def __exit__(self, *_: object) -> None:
        for number in list(self._sent):
            self.recall(number)
        ray.shutdown()

    def send(self, tasks: Sequence[Task], *, shunned: frozenset[str]) -> None:
        for task in tasks:
            remote = ray.remote(**self._asked(), **_where(task.host, shunned))(_measuring())
            begun = self._folder / f"{task.number:04d}-{secrets.token_hex(4)}.begun"
            self._sent[task.number] = _Sent(remote.remote(task.command, str(begun)), begun)

    def _asked(self) -> dict[str, Any]:
        return {
            "num_cpus": 0,
            "num_gpus": self._settings.gpus,
            "resources": {self._settings.resource: 1},
            # A process of its own for each, and whether it is begun again is the driver's to say.
            "max_calls": 1,
            "max_retries": 0,
        }

    def look(self) -> Mapping[int, Seen]:
        return {number: _seen(one) for number, one in self._sent.items()}

    def recall(self, number: int) -> None:
        sent = self._sent.pop(number, None)
        if sent is not None:
            with suppress(exceptions.RayError, ValueError):
                ray.cancel(sent.reference, force=True)


def open_fleet(errand: Errand, settings: Settings) -> RayFleet:
    """A cluster of Ray that is there already."""
    return RayFleet(errand, settings)


def _measuring() -> Callable[[tuple[str, ...], str], int]:
    """What a task does, whole in itself: what is sent is this function, not the name of a module."""
    refusal = "its node gives way to other work; begin it with RAY_worker_niceness=0"

    def measure(command: tuple[str, ...], begun: str) -> int:
        import os  # noqa: PLC0415
        import pathlib  # noqa: PLC0415
        import socket  # noqa: PLC0415
        import subprocess  # noqa: PLC0415

        # Ray has its tasks give way to everything else, as `RAY_worker_niceness` on a node says: what is
        # measured is not to. Only root may take that back.
        usual = os.getpriority(os.PRIO_PROCESS, os.getppid())
        if os.getpriority(os.PRIO_PROCESS, 0) != usual:
            try:
                os.setpriority(os.PRIO_PROCESS, 0, usual)
            except PermissionError:
                raise RuntimeError(refusal) from None
        pathlib.Path(begun).write_text(socket.gethostname(), encoding="utf-8")
        # When this task is cancelled or its node's process dies, the pipe ends, and with it the attempt.
        with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as process:
            return process.wait()

    return measure


def _seen(sent: _Sent) -> Seen:
    done, _ = ray.wait([sent.reference], timeout=0)
    host = None
    with suppress(OSError):
        host = sent.begun.read_text(encoding="utf-8") or None
    if not done:
        return Seen(standing=Standing.WAITING if host is None else Standing.RUNNING, host=host)
    try:
        status = ray.get(sent.reference)
    except (exceptions.NodeDiedError, exceptions.LocalRayletDiedError):
        return Seen(standing=Standing.HOST_LOST, host=host)
    except exceptions.RayError as error:
        return Seen(standing=Standing.GONE, host=host, why=_in_a_line(error)[-_MOST_SHOWN:])
    return Seen(standing=Standing.GONE, host=host, why=f"exit status {status} on {host}")


def _where(host: str | None, shunned: frozenset[str]) -> dict[str, Any]:
    """What sends a task to a host, or keeps it from those that are shunned, as far as Ray still has them."""
    alive = [one for one in ray.nodes() if one["Alive"]]
    wanted = [one["NodeID"] for one in alive if one["NodeManagerHostname"] == host]
    unwanted = [one["NodeID"] for one in alive if one["NodeManagerHostname"] in shunned]
    if wanted:
        return {"label_selector": {_NODE: f"in({','.join(wanted)})"}}
    return {"label_selector": {_NODE: f"!in({','.join(unwanted)})"}} if unwanted else {}


def _in_a_line(error: BaseException) -> str:
    return " ".join(str(error).split())
