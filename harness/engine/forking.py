"""Workers for what judges no speed, forked from a process that has imported their framework and computed
nothing.

Importing takes most of a start, and proofs, whole trainings and pilots ask for many. Replicates are started
afresh: those that were forked from one process had another ratio (decision 0008).
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from io import FileIO
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Final, Self

from harness.engine.guarding import GUARDIAN
from harness.engine.process import (
    Process,
    WorkerProcess,
    begun,
    end,
    kill_group,
    last_words,
    readable,
    starting,
)
from harness.errors import WorkerDied
from harness.frameworks.record import Place
from harness.measure import host, scratch
from harness.measure.variables import folders, read_late
from harness.worker.protocol import dump

_MODULE: Final = "harness.worker.forkserver"

# What a framework's import takes at most, with its files on a slow disk.
_IMPORT_TIMEOUT_S: Final = 300.0
_FORK_TIMEOUT_S: Final = 30.0
# One that has closed its socket is about to end.
_END_TIMEOUT_S: Final = 1.0

_MOST_BYTES: Final = 1 << 16


class ForkServers:
    """A fork server for each framework and environment that is asked for, until the context is left."""

    def __init__(self) -> None:
        self._servers: dict[tuple[str, tuple[tuple[str, str], ...]], ForkServer] = {}
        self._open = ExitStack()
        self._lock = Lock()

    def worker(
        self, framework: str, device: str, environment: Mapping[str, str], log_path: Path
    ) -> WorkerProcess:
        """A worker of this framework.

        On a GPU it is a fresh process, for what a driver keeps is not to be forked; likewise on any system
        but Linux, where a process that has loaded its libraries is not safely forked.

        A framework that cannot be imported is told by the worker, when it is asked for something.

        Raises:
            WorkerDied: the process that it is forked from has ended, with its last words; no process, pipe or
                log is to be had.
        """
        if Place.of(device) is not Place.CPU or sys.platform != "linux":
            return WorkerProcess(environment, log_path)
        fixed = tuple(sorted((name, value) for name, value in environment.items() if not read_late(name)))
        with self._lock:
            server = self._servers.get((framework, fixed))
            if server is None or not server.alive:
                server = self._open.enter_context(ForkServer(framework, dict(fixed)))
                self._servers[framework, fixed] = server
        return ForkedWorker(server, environment, log_path)

    @property
    def resident_bytes(self) -> int:
        """What the servers hold of the host's memory now."""
        return sum(host.resident_bytes(server.pid) or 0 for server in self._servers.values())

    def kill(self) -> None:
        """End the servers at once, from whichever thread: one may be in the middle of an import."""
        for server in list(self._servers.values()):
            server.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()


class ForkServer:
    """One process that has imported a framework. Leaving the context ends it, not what it has forked."""

    @starting()
    def __init__(self, framework: str, environment: Mapping[str, str]) -> None:
        self._lock = Lock()
        self._imported = False
        self._open = ExitStack()
        with ExitStack() as unused:
            unused.push(self._open)
            folder = self._open.enter_context(scratch.folder("forkserver"))
            self._log = folder / "log"
            self._socket, theirs = socket.socketpair()
            unused.callback(self._socket.close)
            with theirs, self._log.open("wb") as log:
                self._process = begun(
                    _MODULE,
                    str(theirs.fileno()),
                    framework,
                    environment={
                        **environment,
                        **{name: str(folder / place) for name, place in folders().items()},
                    },
                    folder=folder,
                    log=log.fileno(),
                    descriptors=(theirs.fileno(),),
                )
            unused.pop_all()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def fork(self, folder: Path, variables: Mapping[str, str], descriptors: Sequence[int]) -> Forked:
        """A worker in `folder`, with these variables beside the server's, on (requests, replies, log).

        Raises:
            WorkerDied: the server has ended, or does not answer.
        """
        ours, theirs = os.pipe()
        status = os.fdopen(ours, "rb", buffering=0)
        try:
            # One at a time: a second message must not run into the first.
            with self._lock:
                self._await(_IMPORT_TIMEOUT_S)
                request = dump({"folder": str(folder), "variables": dict(variables)})
                socket.send_fds(self._socket, [request], [*descriptors, theirs])
                return Forked(status)
        except WorkerDied:
            status.close()
            raise
        except TimeoutError as error:
            status.close()
            raise WorkerDied(str(error)) from None
        except OSError:
            status.close()
            raise self._died() from None
        finally:
            os.close(theirs)

    def _await(self, timeout_s: float) -> None:
        if self._imported:
            return
        if not readable(self._socket.fileno(), timeout_s):
            raise WorkerDied(f"its framework was not imported within {timeout_s:g} s")
        if not self._socket.recv(_MOST_BYTES):
            raise self._died()
        self._imported = True

    def _died(self) -> WorkerDied:
        # Nothing of it is to be left until the servers are closed.
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_TIMEOUT_S)
        said = last_words(self._log)
        return WorkerDied(f"the process that it is forked from has ended; its log says: {said}")

    def kill(self) -> None:
        self._process.kill()

    def close(self) -> None:
        self._socket.close()
        end(self._process)
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Forked:
    """A forked worker's process, known by what its fork server writes about it."""

    def __init__(self, status: FileIO) -> None:
        self._status = status
        self._code: int | None = None
        self._lock = Lock()
        if not readable(self._status.fileno(), _FORK_TIMEOUT_S):
            raise TimeoutError(f"no worker was forked within {_FORK_TIMEOUT_S:g} s")
        line = self._status.readline()
        if not line:
            raise BrokenPipeError("the fork server has ended, or could not fork")
        self.pid = int(line)
        GUARDIAN.begun(self.pid)

    def poll(self) -> int | None:
        try:
            return self.wait(0.0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, as `subprocess.Popen` has it; that of SIGKILL where the server ended before it.

        Raises:
            subprocess.TimeoutExpired: it has not ended within so many seconds.
        """
        if self._code is None and not self._told(timeout):
            raise subprocess.TimeoutExpired("a forked worker", timeout or 0.0)
        with self._lock:
            if self._code is None:
                self._code = self._read()
                self._status.close()
        return self._code

    def _told(self, within_s: float | None) -> bool:
        try:
            return readable(self._status.fileno(), within_s)
        except (ValueError, OSError):  # Another thread has read it, and closed it.
            return True

    def _read(self) -> int:
        line = self._status.readline()
        if not line:
            # Nobody is left who would tell of its end.
            kill_group(self)
        return int(line) if line else -signal.SIGKILL


class ForkedWorker(WorkerProcess):
    """A worker forked from a server: a process of its own, which has its framework imported."""

    def __init__(self, server: ForkServer, environment: Mapping[str, str], log_path: Path) -> None:
        self._server = server
        super().__init__(environment, log_path)

    def _begun(
        self, environment: Mapping[str, str], folder: Path, inbox: int, outbox: int, log: int
    ) -> Process:
        own = {name: value for name, value in environment.items() if read_late(name)}
        return self._server.fork(folder, own, (inbox, outbox, log))
