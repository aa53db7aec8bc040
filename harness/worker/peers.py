"""The other workers of a contender that has several, as the first of them sees them."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import Any, Final

from harness.errors import WorkerDied, WorkerFailed, told_by_worker
from harness.measure import host
from harness.worker.interpreter import ISOLATED

_MODULE: Final = "harness.worker.peer"
_LOCAL: Final = "127.0.0.1"

# Whoever waits for the others fails when one of them does, and that one may be about to say why.
_LAST_WORD_S: Final = 2.0


class Peers:
    """The processes of ranks 1 and up, begun by that of rank 0, in whose group they are and end.

    `addresses` is where the worker of each rank listens, that of rank 0 the first.
    """

    def __init__(self, workers: int) -> None:
        self.addresses = _free_addresses(workers)
        self._connections: list[Connection] = []
        self._pids: list[int] = []
        self._asked = 0
        for _ in range(1, workers):
            ours, theirs = Pipe()
            with theirs:
                process = subprocess.Popen(
                    [sys.executable, *ISOLATED, _MODULE, str(theirs.fileno())],
                    pass_fds=(theirs.fileno(),),
                    stdin=subprocess.DEVNULL,
                )
            # It ends with the connection, or with the group; nobody here waits for it.
            process.returncode = 0
            self._connections.append(ours)
            self._pids.append(process.pid)

    def tell(self, name: str, each: Sequence[Sequence[Any]]) -> None:
        """Make the same call of all, with each one's own arguments; `hear` has to come before the next.

        Raises:
            WorkerDied: one has ended.
        """
        assert not self._asked, "they have not answered yet"
        self._asked = len(self._connections)
        for rank, (connection, arguments) in enumerate(zip(self._connections, each, strict=True), start=1):
            try:
                connection.send((name, tuple(arguments)))
            except (BrokenPipeError, ConnectionResetError):
                raise self._why(rank) from None

    def hear(self) -> list[Any]:
        """Wait, asleep, for all answers to the last call, in the order of ranks; none where none was made.

        Raises:
            WorkerDied: one has ended instead.
            WorkerFailed: one has failed; it is named, with its own words.
        """
        if not self._asked:
            return []
        found: dict[int, Any] = {}
        while len(found) < len(self._connections):
            for rank in self._ready([rank for rank in self._ranks if rank not in found]):
                found[rank] = self._heard(rank)
        self._asked = 0
        return [found[rank] for rank in self._ranks]

    def blamed(self, error: Exception) -> Exception:
        """Why this worker really failed: another may have, for which it waited."""
        for rank in self._ready(self._ranks, _LAST_WORD_S):
            try:
                self._heard(rank)
            except (WorkerFailed, WorkerDied) as theirs:
                return theirs
        return error

    def cpu_s(self) -> float:
        """Processor time of all so far.

        Raises:
            WorkerDied: one has ended.
        """
        try:
            return sum(map(host.cpu_s_of, self._pids))
        except OSError:
            raise WorkerDied("one of the workers that train together ended") from None

    @property
    def _ranks(self) -> range:
        return range(1, len(self._connections) + 1)

    def _ready(self, ranks: Sequence[int], within_s: float | None = None) -> list[int]:
        """Those of the ranks that have said something, or ended, once one has or the time is up."""
        ready = wait([self._connections[rank - 1] for rank in ranks], within_s)
        return [rank for rank in ranks if self._connections[rank - 1] in ready]

    def _heard(self, rank: int) -> Any:
        named = f"worker {rank} of {len(self._connections) + 1}"
        try:
            well, *said = self._connections[rank - 1].recv()
        except (EOFError, ConnectionResetError):
            raise WorkerDied(f"{named} ended") from None
        if well:
            return said[0]
        kind, sentence = said
        raise told_by_worker(kind)(f"{named}: {sentence}")

    def _why(self, rank: int) -> Exception:
        """What a worker that has ended said last."""
        try:
            self._heard(rank)
        except (WorkerFailed, WorkerDied) as error:
            return error
        return WorkerDied(f"worker {rank} of {len(self._connections) + 1} ended")


def _free_addresses(count: int) -> tuple[str, ...]:
    """So many places to listen at on this machine that nobody listens at now."""
    with ExitStack() as held:
        found = []
        for _ in range(count):
            listener = held.enter_context(socket.socket())
            listener.bind((_LOCAL, 0))
            found.append(f"{_LOCAL}:{listener.getsockname()[1]}")
        return tuple(found)
