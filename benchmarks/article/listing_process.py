"""A listing as its parent sees it: an untouched program that waits for its turn before each epoch.

Both listings print `Epoch 2/5` when the second of five epochs begins; `paced.py` holds them there.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from harness.engine.process import readable
from harness.errors import WorkerDied, WorkerSilent
from harness.work.listings import PYTORCH, TENSORFLOW

SCRIPTS: Final = {
    TENSORFLOW: Path(__file__).with_name("tensorflow_listing.py"),
    PYTORCH: Path(__file__).with_name("pytorch_listing.py"),
}

EPOCHS: Final = 5

_PACED: Final = Path(__file__).with_name("paced.py")

_EPOCH: Final = re.compile(rb"Epoch (\d+)/")
_ACCURACY: Final = re.compile(rb"accuracy: ([\d.]+)\n$")
_TIMEOUT_S: Final = 1200.0
_CHUNK_BYTES: Final = 1 << 16


class ListingProcess:
    """One run of a listing. Use as a context manager: leaving it ends the process."""

    def __init__(
        self, framework: str, data_root: Path, *, seed: int, environment: Mapping[str, str], log_path: Path
    ) -> None:
        self._said = b""
        self._log_path = log_path
        with log_path.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(_PACED), str(SCRIPTS[framework]), str(data_root), str(seed)],
                env=dict(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                stderr=log,
                start_new_session=True,
            )

    def wait(self) -> None:
        """Return when the first epoch is about to begin.

        Raises:
            WorkerDied: the listing ended before it (its log's last line).
            WorkerSilent: nothing came for twenty minutes.
        """
        self._until_epoch()

    def epoch(self) -> float:
        """Let it train until the next epoch begins; the seconds that this took. Raises what `wait` raises."""
        started_s = time.perf_counter()
        self._go_on()
        self._until_epoch()
        return time.perf_counter() - started_s

    def finish(self) -> float:
        """Let it train its last epoch and evaluate; the test accuracy that it prints.

        Raises:
            WorkerDied: it ended without one.
        """
        self._go_on()
        while chunk := self._read():
            self._said += chunk
        found = _ACCURACY.search(self._said)
        if found is None:
            raise WorkerDied(self._epitaph())
        return float(found[1])

    def _until_epoch(self) -> None:
        while (found := _EPOCH.search(self._said)) is None:
            chunk = self._read()
            if not chunk:
                raise WorkerDied(self._epitaph())
            self._said += chunk
        self._said = self._said[found.end() :]

    def _go_on(self) -> None:
        assert self._process.stdin is not None
        # A listing that has ended says so by what it does not print.
        with suppress(BrokenPipeError):
            self._process.stdin.write(b"\n")

    def _read(self) -> bytes:
        assert self._process.stdout is not None
        if not readable(self._process.stdout.fileno(), _TIMEOUT_S):
            raise WorkerSilent(f"the listing said nothing for {_TIMEOUT_S:g} s")
        return os.read(self._process.stdout.fileno(), _CHUNK_BYTES)

    def _epitaph(self) -> str:
        said = self._log_path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return f"the listing ended; its log says: {said[-1] if said else 'nothing'}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
