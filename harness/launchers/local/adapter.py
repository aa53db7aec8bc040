"""Shards on this host, one after another."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from typing import Self

from harness.launchers.local.record import Settings
from harness.launchers.record import Errand, Seen, Standing, Task


class LocalFleet:
    """Processes of this one: the next is begun as one looks and finds the one before ended."""

    def __init__(self) -> None:
        self._waiting: list[Task] = []
        self._running: tuple[int, subprocess.Popen[bytes]] | None = None
        self._gone: set[int] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._running is not None:
            self.recall(self._running[0])

    def send(self, tasks: Sequence[Task], *, shunned: frozenset[str]) -> None:  # noqa: ARG002
        """There is no other host."""
        self._gone -= {task.number for task in tasks}
        self._waiting += tasks

    def look(self) -> Mapping[int, Seen]:
        if self._running is not None and self._running[1].poll() is not None:
            self._gone.add(self._running[0])
            self._running = None
        if self._running is None and self._waiting:
            task = self._waiting.pop(0)
            self._running = (
                task.number,
                subprocess.Popen(task.command, stdin=subprocess.PIPE, start_new_session=True),
            )
        running = [] if self._running is None else [self._running[0]]
        return {
            number: Seen(standing=standing)
            for numbers, standing in (
                (self._gone, Standing.GONE),
                (running, Standing.RUNNING),
                ([task.number for task in self._waiting], Standing.WAITING),
            )
            for number in numbers
        }

    def recall(self, number: int) -> None:
        self._waiting = [task for task in self._waiting if task.number != number]
        self._gone.discard(number)
        if self._running is not None and self._running[0] == number:
            with self._running[1] as process:
                process.terminate()
            self._running = None


def open_fleet(_errand: Errand, _settings: Settings) -> LocalFleet:
    """This host."""
    return LocalFleet()
