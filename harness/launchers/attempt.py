"""One attempt at a shard, on the host that measures it; a process of its own, begun by any engine.

    python -m harness.launchers.attempt OUTPUT NUMBER SENDING FOLDER NAME=VALUE ... -- COMMAND ...

In FOLDER it runs COMMAND (`harness run-shard ...`, whose output folder it adds) with the host's environment,
without what is known to change a framework and is an engine's (Ray and others set OMP_NUM_THREADS), and with
the variables given. It shows that it lives, hands on a request to end, and notes how it went. When whoever
began it has gone, its standard input ends, and so does it: what is sent again is not measured twice at once.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from harness.launchers.notes import (
    ASKED,
    BEAT_S,
    OUT_OF_TIME,
    TIME_SIGNAL,
    Note,
    beat,
    folder_of,
    results_of,
    write,
)
from harness.measure.variables import cleared


class _Attempt:
    def __init__(self, path: Path, note: Note, process: subprocess.Popen[bytes]) -> None:
        self._path = path
        self._note = note
        self._process = process
        self._ended_by: str | None = None

    def end(self, number: int = signal.SIGTERM, _frame: FrameType | None = None) -> None:
        """Ask for an orderly end: `run-shard` marks its run and keeps what it has."""
        self._ended_by = self._ended_by or (OUT_OF_TIME if number == TIME_SIGNAL else ASKED)
        self._process.send_signal(signal.SIGTERM)

    def end_with_the_engine(self) -> None:
        """Wait for whoever began this to go; meant for a thread."""
        while os.read(sys.stdin.fileno(), 1 << 10):
            pass
        if self._process.poll() is None:
            self.end()

    def seen_through(self) -> int:
        """The exit status, which is noted; a thread shows meanwhile that this lives."""
        over = threading.Event()

        def live() -> None:
            while not over.wait(BEAT_S):
                beat(self._path)

        beating = threading.Thread(target=live, daemon=True)
        beating.start()
        status = self._process.wait()
        over.set()
        beating.join()
        write(
            self._path,
            replace(self._note, ended_at=_now(), status=status, ended_by=self._ended_by),
        )
        return status


def main(arguments: Sequence[str]) -> int:
    """Make the attempt; the exit status of `run-shard`."""
    at = arguments.index("--")
    output, number, sending, folder, *given = arguments[:at]
    environment = cleared(os.environ) | dict(one.partition("=")[::2] for one in given)
    note = Note(
        shard=int(number), sending=int(sending), host=socket.gethostname(), pid=os.getpid(), started_at=_now()
    )
    stem = f"{note.sending:02d}-{note.started_at}-{note.host}-{note.pid}"
    path = folder_of(Path(output), note.shard) / f"{stem}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    results = results_of(Path(output), note.shard, note.host)
    write(path, note)
    with path.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen(
            [*arguments[at + 1 :], "--output", str(results)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=folder if Path(folder).is_dir() else None,
        )
        attempt = _Attempt(path, note, process)
        for ending in (signal.SIGTERM, TIME_SIGNAL):
            signal.signal(ending, attempt.end)
        threading.Thread(target=attempt.end_with_the_engine, daemon=True).start()
        return attempt.seen_through()


def _now() -> str:
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
