"""Who competes: a framework and the case that it runs, in its one way of running it."""

from __future__ import annotations

from dataclasses import dataclass

from harness.work.workload import Case


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A framework doing a case in one way: a mode or, in mode `article`, a program."""

    framework: str
    case: Case

    @property
    def id(self) -> str:
        """Readable name; shared by two that differ in what no case's name tells, such as Adam's constants."""
        return f"{self.framework}/{self.case.id}"
