"""One of several workers that train one model, but the first: `python -m harness.worker.peer CONNECTION`.

CONNECTION is the descriptor of a socket to the first worker, which calls this one's adapter as its own is
called (`team`): a call is `(name, arguments)`, its answer `(True, value)` or `(False, kind, sentence)`. The
process ends with the connection, and after a call that failed.
"""

from __future__ import annotations

import gc
import sys
import traceback
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any

from harness.frameworks.base import Adapter
from harness.frameworks.witness import Witness
from harness.measure import host
from harness.work.workload import TrialSpec
from harness.worker.__main__ import leave
from harness.worker.adapters import adapter_module
from harness.worker.failing import kind_of
from harness.worker.holding import data_digest, state_digest
from harness.worker.reading import read_data


class Peer:
    """The adapter of this worker, and the states of it that it was told to keep."""

    def __init__(self) -> None:
        self.adapter: Witness | None = None
        self.opened: type[Adapter] | None = None
        self._kept: dict[int, Any] = {}

    def answer(self, name: str, arguments: Sequence[Any]) -> Any:
        """Do as called: one of the following, or whatever else an adapter has."""
        own: dict[str, Callable[..., Any]] = {
            "open": self._open,
            "load": self._load,
            "settle": self._settle,
            "keep": self._keep,
            "put_back": self._put_back,
            "train_epoch": self._train_epoch,
            "data_digest": lambda: data_digest(self._opened.held_data()),
            "state_digest": lambda of: state_digest(self._opened, of),
            "dropped": lambda ones, training: self._opened.dropped(ones, training=training),
            "peak_bytes": host.peak_bytes,
        }
        return own[name](*arguments) if name in own else getattr(self._opened, name)(*arguments)

    @property
    def _opened(self) -> Witness:
        assert self.adapter is not None, "open comes first"
        return self.adapter

    def _open(self, spec: TrialSpec) -> None:
        self._kept.clear()
        # The one before goes first: both would have to be in memory.
        self.adapter = None
        self.adapter = adapter_module(spec.framework).open_adapter(spec)
        self.opened = type(self.adapter)

    def _load(self) -> None:
        self._opened.load(read_data(self._opened.spec))

    def _settle(self) -> None:
        """As the first worker does once it is warm: later collections do not look through what is there."""
        gc.collect()
        gc.freeze()

    def _keep(self, number: int, forgotten: Sequence[int]) -> None:
        for one in forgotten:
            self._kept.pop(one, None)
        self._kept[number] = self._opened.keep()

    def _put_back(self, number: int) -> None:
        self._opened.put_back(self._kept[number])

    def _train_epoch(self) -> None:
        self._opened.train_epoch()
        self._opened.synchronise()


def serve(connection: Connection) -> None:
    """Answer until the first worker is gone, or a call fails."""
    peer = Peer()
    while True:
        try:
            name, arguments = connection.recv()
        except (EOFError, ConnectionResetError):
            return
        try:
            answer: tuple[Any, ...] = (True, peer.answer(name, arguments))
        except Exception as error:  # noqa: BLE001  (whatever a framework raises becomes the trial's reason)
            traceback.print_exc()
            answer = (False, kind_of(error, peer.opened), f"{type(error).__name__}: {error}")
        try:
            connection.send(answer)
        except BrokenPipeError:
            return
        if not answer[0]:
            return


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])))
    leave(0)
