"""A process that has imported one framework and computed nothing: workers are forked from it.

`python -m harness.worker.forkserver SOCKET FRAMEWORK`, where SOCKET is the descriptor of a stream socket to
the parent. When it has imported the framework it says `{"ok": {}}`. Each request after that is one message: a
JSON object with the worker's `folder` and `variables`, and the descriptors of its requests, replies, log and
status. On the status pipe stand the worker's number and, when it has ended, its exit code, a line each.
"""

from __future__ import annotations

import gc
import os
import selectors
import signal
import socket
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress

from harness.worker.__main__ import leave, serve
from harness.worker.adapters import adapter_module
from harness.worker.protocol import Message, dump, parse

# Requests, replies, log and status of a worker.
_DESCRIPTORS = 4
_MOST_BYTES = 1 << 16


class _ForkServer:
    def __init__(self, parent: socket.socket, import_s: float) -> None:
        self._parent = parent
        self._import_s = import_s
        self._statuses: dict[int, int] = {}
        # A child's end wakes the server up: a signal handler writes to this pair.
        self._awake, self._wake = socket.socketpair()
        os.set_blocking(self._wake.fileno(), False)

    def run(self) -> None:
        """Fork as asked until the parent is gone."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake.fileno())
        with selectors.DefaultSelector() as waiting:
            waiting.register(self._parent, selectors.EVENT_READ)
            waiting.register(self._awake, selectors.EVENT_READ)
            while True:
                for ready, _ in waiting.select():
                    if ready.fileobj is self._awake:
                        self._awake.recv(_MOST_BYTES)
                        self._tell_of_ended()
                        continue
                    line, descriptors, *_ = socket.recv_fds(self._parent, _MOST_BYTES, _DESCRIPTORS)
                    if not line:
                        return
                    self._fork(parse(line), descriptors)

    def _fork(self, request: Message, descriptors: Sequence[int]) -> None:
        *given, status = descriptors
        try:
            pid = os.fork()
        except OSError:
            # No process to be had: the closed status pipe tells.
            traceback.print_exc()
            for one in descriptors:
                os.close(one)
            return
        if pid == 0:
            leave(self._work(request, descriptors))
        self._statuses[pid] = status
        for one in given:
            os.close(one)

    def _work(self, request: Message, descriptors: Sequence[int]) -> int:
        """In the child: be what `python -m harness.worker` is, from here to its end."""
        inbox, outbox, log, status = descriptors
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        os.dup2(log, 1)
        os.dup2(log, 2)
        for one in (log, *self._statuses.values()):
            os.close(one)
        for own in (self._parent, self._awake, self._wake):
            own.close()
        os.chdir(request["folder"])
        tempfile.tempdir = request["folder"]
        os.environ.update(request["variables"])
        os.write(status, f"{os.getpid()}\n".encode())
        os.close(status)
        with os.fdopen(inbox, "rb") as requests, os.fdopen(outbox, "wb") as replies:
            return serve(requests, replies, imported_s=self._import_s)

    def _tell_of_ended(self) -> None:
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                pid, found = ended
                status = self._statuses.pop(pid)
                with suppress(BrokenPipeError):
                    os.write(status, f"{os.waitstatus_to_exitcode(found)}\n".encode())
                os.close(status)


def main(parent: socket.socket, framework: str) -> None:
    begin_s = time.perf_counter()
    # Looking through what an import makes while it makes it takes a fifth of its time; once after it will do.
    gc.disable()
    # What cannot be imported here cannot be in a worker, which can say why.
    with suppress(Exception):
        adapter_module(framework)
    import_s = time.perf_counter() - begin_s
    # No collection in a worker writes to what it shares with the others.
    gc.collect()
    gc.freeze()
    gc.enable()
    parent.sendall(dump({"ok": {}}))
    _ForkServer(parent, import_s).run()
    leave(0)


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])), sys.argv[2])
