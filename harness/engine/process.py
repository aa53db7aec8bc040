"""A worker process as the parent sees it: ask, wait at most so long, and know how it ended."""

from __future__ import annotations

import os
import resource
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Final, Protocol, Self

from harness.engine.guarding import GUARDIAN
from harness.errors import (
    LogTooLong,
    ProtocolError,
    WorkerDied,
    WorkerSilent,
    told_by_worker,
)
from harness.measure import scratch
from harness.worker.interpreter import ISOLATED
from harness.worker.protocol import Do, Message, dump, parse

_CHUNK_BYTES: Final = 1 << 16
_MOST_ANSWER_BYTES: Final = 1 << 24
_GRACE_S: Final = 5.0

# A log longer than this ends its trial, and is cut. Whoever waits looks so often, never within a usual round.
_MOST_LOG_BYTES: Final = 1 << 24
_LOOK_S: Final = 1.0
# No file of a worker grows beyond this, so that a log cannot fill a disk between two looks.
_MOST_FILE_BYTES: Final = 1 << 30
# Of a log's end so much is read for its last words.
_TAIL_BYTES: Final = 1 << 12


class Process(Protocol):
    """What is asked of a process: the part of `subprocess.Popen` that a forked one has, too."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...


@contextmanager
def starting() -> Iterator[None]:
    """While a process is begun: what keeps it from that, such as no room for its log, no process or pipe.

    Raises:
        WorkerDied: the system's words for it.
    """
    try:
        yield
    except OSError as error:
        raise WorkerDied(f"it could not be started: {error.strerror or error}") from error


class WorkerProcess:
    """One fresh `harness.worker`, working in a folder of its own. Leaving the context ends both.

    Raises:
        WorkerDied: it could not be started.
    """

    module: ClassVar = "harness.worker"

    @starting()
    def __init__(self, environment: Mapping[str, str], log_path: Path) -> None:
        self._unread = b""
        self.log_path = log_path
        self._open = ExitStack()
        folder = self._open.enter_context(scratch.folder("worker"))
        with ExitStack() as given, ExitStack() as unused:
            unused.push(self._open)
            log = given.enter_context(log_path.open("wb"))
            inbox, self._requests = os.pipe()
            given.callback(os.close, inbox)
            unused.callback(os.close, self._requests)
            self._replies, outbox = os.pipe()
            given.callback(os.close, outbox)
            unused.callback(os.close, self._replies)
            self._process = self._begun(environment, folder, inbox, outbox, log.fileno())
            unused.pop_all()
        _bound_files(self.pid)

    def _begun(
        self, environment: Mapping[str, str], folder: Path, inbox: int, outbox: int, log: int
    ) -> Process:
        return begun(
            self.module,
            str(inbox),
            str(outbox),
            environment=environment,
            folder=folder,
            log=log,
            descriptors=(inbox, outbox),
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, do: Do, *, timeout_s: float, **details: Any) -> Message:
        """Send a request and wait, asleep, for its answer; raises what `tell` and `hear` raise."""
        self.tell(do, **details)
        return self.hear(do, timeout_s=timeout_s)

    def tell(self, do: Do, **details: Any) -> None:
        """Send a request; `hear` has to be called before the next.

        Raises:
            WorkerDied: the process has ended (its status or signal).
            LogTooLong: it has printed too much.
            ProtocolError: it has said something that it was not asked for.
        """
        self._require_short_log()
        if self._unread or (readable(self._replies, 0.0) and self._heard_more()):
            raise ProtocolError(f"it said more than it was asked for, before {do}")
        try:
            os.write(self._requests, dump({"do": do, **details}))
        except BrokenPipeError:
            raise WorkerDied(self._epitaph()) from None

    def hear(self, do: Do, *, timeout_s: float) -> Message:
        """Wait, asleep, for the answer to the last request.

        Raises:
            WorkerFailed: the worker answered with an error (its sentence), of the kind that it names.
            WorkerDied: the process ended instead of answering (its status or signal).
            WorkerSilent: no answer within `timeout_s`; its last words.
            LogTooLong: it has printed too much.
            ProtocolError: the answer cannot be read.
        """
        reply = parse(self._read_line(do, timeout_s))
        if "error" in reply:
            facts = reply.get("facts")
            failure = told_by_worker(str(reply.get("kind", "")))
            raise failure(str(reply["error"]), facts if isinstance(facts, dict) else None)
        if not isinstance(reply.get("ok"), dict):
            raise ProtocolError(f"neither ok nor error in the answer to {do}")
        return dict(reply["ok"])

    def _read_line(self, do: Do, timeout_s: float) -> bytes:
        deadline_s = time.monotonic() + timeout_s
        while b"\n" not in self._unread:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                said = last_words(self.log_path)
                raise WorkerSilent(f"no answer to {do} within {timeout_s:g} s; its log says: {said}")
            if readable(self._replies, min(left_s, _LOOK_S)):
                self._heard_more()
            self._require_short_log()
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def _heard_more(self) -> bool:
        """Take what there is to read; it has to be something, and no more than an answer can be."""
        chunk = os.read(self._replies, _CHUNK_BYTES)
        if not chunk:
            raise WorkerDied(self._epitaph())
        self._unread += chunk
        if len(self._unread) > _MOST_ANSWER_BYTES:
            raise ProtocolError(f"an answer of more than {_MOST_ANSWER_BYTES >> 20} MiB")
        return True

    def _require_short_log(self) -> None:
        try:
            log_bytes = self.log_path.stat().st_size
        except OSError:  # somebody has removed it
            return
        if log_bytes > _MOST_LOG_BYTES:
            said = last_words(self.log_path)
            raise LogTooLong(f"it printed more than {_MOST_LOG_BYTES >> 20} MiB; its log says: {said}")

    def _epitaph(self) -> str:
        try:
            status = self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            return "it closed its pipe and kept running"
        if status >= 0:
            return f"it ended with exit status {status}; its log says: {last_words(self.log_path)}"
        name = signal.Signals(-status).name
        hint = " (often: out of memory)" if -status == signal.SIGKILL else ""
        return f"it was ended by {name}{hint}; its log says: {last_words(self.log_path)}"

    def close(self) -> None:
        """End the process and all that it started; one that has finished is only waited for."""
        os.close(self._requests)
        end(self._process)
        os.close(self._replies)
        with suppress(OSError):
            if self.log_path.stat().st_size > _MOST_LOG_BYTES:
                os.truncate(self.log_path, _MOST_LOG_BYTES)
        self._open.close()

    def kill(self) -> None:
        """Do not wait for a worker that has nothing left to say."""
        if self._process.poll() is None:
            kill_group(self._process)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.kill()
        self.close()


def end(process: Process) -> None:
    """Wait a moment for a process to end by itself, and end it where it does not, with all that it began."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE_S)
    kill_group(process)
    process.wait()
    GUARDIAN.ended(process.pid)


def kill_group(process: Process) -> None:
    """End a process and all that it began, at once; it may be gone by now."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def begun(
    module: str,
    *arguments: str,
    environment: Mapping[str, str],
    folder: Path,
    log: int,
    descriptors: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Run a module of this package isolated, in a folder, with what it prints going to a log.

    It keeps these descriptors beside its own. In a session of its own: Ctrl-C reaches the parent alone, which
    then ends what it began, and the guardian does where the parent cannot.
    """
    process = subprocess.Popen(
        [sys.executable, *ISOLATED, module, *arguments],
        env=dict(environment),
        cwd=folder,
        pass_fds=descriptors,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    GUARDIAN.begun(process.pid)
    return process


def last_words(log: Path) -> str:
    """The last line of a log, cut where it is long."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            lines = file.read().decode("utf-8", errors="replace").strip().splitlines()
    except OSError:  # somebody has removed it
        lines = []
    return lines[-1][:300] if lines else "nothing"


def _bound_files(pid: int) -> None:
    """Let a process write no file beyond what is reasonable, where the system can be told that."""
    if hasattr(resource, "prlimit"):
        with suppress(OSError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (_MOST_FILE_BYTES, _MOST_FILE_BYTES))


def readable(descriptor: int, within_s: float | None) -> bool:
    """Wait, asleep, until there is something to read. Unlike select(), whatever the descriptor's number.

    None is however long that takes.
    """
    with selectors.DefaultSelector() as waiting:
        waiting.register(descriptor, selectors.EVENT_READ)
        return bool(waiting.select(within_s))
