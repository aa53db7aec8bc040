"""The grid of a run: settings become cases, cases become replicated pairs in random order."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

from harness.config import Settings
from harness.workload import Case, Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One replicate of a case: both frameworks, fresh processes, the replicate's own seed."""

    case: Case
    replicate: int

    @property
    def seed(self) -> int:
        return (self.case.workload.seed + self.replicate) % 2**32

    @property
    def seeded_case(self) -> Case:
        """The case with this replicate's seed: what the workers are told."""
        return replace(self.case, workload=replace(self.case.workload, seed=self.seed))

    @property
    def id(self) -> str:
        return f"{self.case.id}-r{self.replicate}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run will do: every case, up to `replicates` times each."""

    settings: Settings
    cases: tuple[Case, ...]

    def pairs(self) -> Iterator[Pair]:
        """All pairs, replicate by replicate, the cases of each in a fresh random order.

        So a slow drift of the machine is shared by all cases, and a run that is cut short has
        measured them evenly. The order follows from the seed alone.
        """
        shuffler = random.Random(self.settings.seed)  # noqa: S311  (order, not secrecy)
        for replicate in range(self.settings.replicates):
            for case in shuffler.sample(self.cases, len(self.cases)):
                yield Pair(case=case, replicate=replicate)


def plan(settings: Settings) -> Plan:
    """Span the grid device x mode x epochs x batch size.

    Raises:
        BadOption: when a combination is not allowed, such as a batch larger than the training set.
    """
    cases = tuple(
        Case(
            workload=Workload(
                dataset=settings.dataset,
                batch_size=batch_size,
                epochs=epochs,
                seed=settings.seed,
                train_samples=settings.train_samples,
                eval_batch_size=settings.eval_batch_size,
            ),
            device=device,
            mode=mode,
        )
        for device, mode, epochs, batch_size in product(
            settings.device, settings.mode, settings.epochs, settings.batch_size
        )
    )
    return Plan(settings=settings, cases=cases)
