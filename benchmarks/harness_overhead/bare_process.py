"""A bare script as its parent sees it, and the file with all that it is given."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np

from harness.data import mnist
from harness.engine.process import readable
from harness.errors import WorkerDied, WorkerSilent
from harness.work import recipe
from harness.work.workload import Workload

# Each framework's bare script, by its name.
SCRIPTS: Final = {
    path.stem.removeprefix("bare_"): path
    for path in sorted(Path(__file__).parent.glob("bare_*.py"))
    if path != Path(__file__)
}

_TIMEOUT_S: Final = 600.0
_GRACE_S: Final = 5.0


def write_given(path: Path, workload: Workload, data_root: Path) -> None:
    """Write what a script cannot draw itself: the arrays that the worker gets from the recipe.

    `inputs` (n, 784) float32, `labels` (n,) and `order` (n,) int64, the four parameters, and `seed`.
    """
    images = mnist.load(data_root, workload.dataset)
    arrays: dict[str, Any] = {
        "inputs": recipe.normalised(images.train_images, workload.precision),
        "labels": images.train_labels.astype(np.int64),
        "order": recipe.batch_order(workload, 0),
        "seed": np.int64(workload.seed),
        **recipe.initial_weights(workload).named(),
    }
    np.savez(path, **arrays)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """Wall and CPU seconds of a loop, and the mean loss over the samples it trained on."""

    wall_s: float
    cpu_s: float
    loss: float


class BareProcess:
    """One fresh bare script, started as a worker is; leaving the context ends it."""

    def __init__(
        self,
        framework: str,
        given: Path,
        *,
        batch_size: int,
        threads: int,
        way: str,
        environment: Mapping[str, str],
        log_path: Path,
    ) -> None:
        self._log_path = log_path
        with log_path.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(SCRIPTS[framework]), str(given), str(batch_size), str(threads), way],
                env=dict(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                bufsize=0,
                start_new_session=True,
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout

    def wait(self) -> None:
        """Return once the script is ready to train."""
        self._answer()

    def train(self, first: int, last: int) -> Trained:
        """Train on samples `first` to `last` of the order.

        Raises:
            WorkerDied: the script ended (its log's last line).
            WorkerSilent: it did not answer for ten minutes.
        """
        # A script that has ended says so below, by what it does not answer.
        with suppress(BrokenPipeError):
            self._stdin.write(f"{first} {last}\n".encode())
        wall_s, cpu_s, loss = map(float, self._answer().split())
        return Trained(wall_s=wall_s, cpu_s=cpu_s, loss=loss)

    def _answer(self) -> bytes:
        if not readable(self._stdout.fileno(), _TIMEOUT_S):
            raise WorkerSilent(f"the bare script did not answer within {_TIMEOUT_S:g} s")
        line = self._stdout.readline()
        if not line:
            said = self._log_path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise WorkerDied(f"the bare script ended; its log says: {said[-1] if said else 'nothing'}")
        return line

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._stdin.close()
        self._stdout.close()
        try:
            self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
