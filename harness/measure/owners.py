"""Whose process it is that uses a GPU: NVML lists numbers, and a container may number processes otherwise."""

from __future__ import annotations

from typing import Final

import psutil

from harness.measure import host

HOSTS_NUMBERS: Final = "NVML numbers processes as the host does, and this container in its own way"


class Owners:
    """Workers by the numbers of their processes, and of those that they start.

    Where it turns out that the numbers are another system's, `numbers_are_hosts` is True from then on, and no
    process is anybody's: an equal number is a coincidence.
    """

    def __init__(self) -> None:
        self._workers: dict[int, str] = {}
        self._strangers: set[int] = set()
        self._nowhere: set[int] = set()
        self._before: frozenset[int] = frozenset()
        self.numbers_are_hosts = False

    def begin(self) -> None:
        """Whatever was asked for by now was there before any worker is started."""
        self._before = frozenset(self._strangers | self._nowhere)

    def follow(self, name: str, pid: int) -> None:
        """This process, started since `begin`, works for whom this name tells."""
        # One that NVML listed before that is another, by another numbering.
        self.numbers_are_hosts |= pid in self._before
        self._workers[pid] = name

    def name_of(self, pid: int) -> str | None:
        """Whom a process works for. Asked of the system once a process: it is slow to tell."""
        if pid not in self._workers and pid not in self._strangers:
            try:
                parents = [parent.pid for parent in psutil.Process(pid).parents()]
            except psutil.NoSuchProcess:
                self._doubt(pid)
                return None
            except psutil.Error:
                parents = []
            name = next((self._workers[parent] for parent in parents if parent in self._workers), None)
            if name is None:
                self._strangers.add(pid)
            else:
                self._workers[pid] = name
        return self._workers.get(pid)

    def _doubt(self, pid: int) -> None:
        """A process that uses the device and is not there: it has just ended, or is numbered elsewhere.

        Listed again, it has not ended.
        """
        if host.counts_own_processes():
            self.numbers_are_hosts |= pid in self._nowhere
            self._nowhere.add(pid)
