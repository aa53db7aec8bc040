"""A match: the contenders of one replicate, which take turns, and how its name and seed follow from them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from harness.settings.presets import FRAMEWORKS
from harness.work.contender import Contender
from harness.work.listings import listed
from harness.work.records import Role
from harness.work.workload import Case

# Of the replicates after the first.
_REPEATED: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One replicate: a fresh process for each contender, which take turns, and the replicate's own seed.

    A contender's place among `contenders` is its seat. The same one twice is a control. Of the training steps
    of the last `planted_share` are done twice, 0 outside calibration. `walk` names a match of an
    explanation: its contenders are programs on the way from one to another. One for `learning` takes no
    turns: its contenders train at the same time, to the end. One for `scaling` holds contenders of one worker
    and of several. A `pilot` holds all ways of a case, and `chosen` are the seats of those that it found the
    fastest. Where memory cannot hold them all at once, each part of the match seats the first `shared` of
    them and some of the others.
    """

    contenders: tuple[Contender, ...]
    replicate: int
    planted_share: float = 0.0
    walk: str = ""
    learning: bool = False
    pilot: bool = False
    scaling: bool = False
    chosen: tuple[int, ...] = ()
    shared: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.shared < len(self.contenders):
            raise ValueError(f"{len(self.contenders)} contenders, of whom {self.shared} are shared")

    @property
    def seats(self) -> range:
        return range(len(self.contenders))

    @property
    def role(self) -> Role:
        if self.walk:
            return Role.CHANGE
        if self.learning:
            return Role.LEARNING
        if self.scaling:
            return Role.SCALING
        if self.pilot or self.chosen:
            return Role.PILOT if self.pilot else Role.WAYS
        return Role.CONTROL if len(set(self.contenders)) == 1 else Role.COMPARISON

    @property
    def case(self) -> Case:
        """The case of the first contender, which all have but for what tells their ways apart."""
        return self.contenders[0].case

    @property
    def seed(self) -> int:
        return (self.case.workload.seed + self.replicate) % 2**32

    @property
    def repeated(self) -> bool:
        """Whether its contenders repeat, off the clock, the round that holds the drawn moment.

        That takes as long as a round: so in the first replicate, and in about every second one after it. The
        programs of a control are those of the comparisons.
        """
        drawn = self.replicate == 0 or random.Random(f"{self.seed}:{self.id}").random() < _REPEATED  # noqa: S311
        return drawn and self.role not in {Role.CONTROL, Role.PILOT, Role.LEARNING, Role.SCALING}

    def led_by(self, one: int, other: int) -> Match:
        """The same match, told with these two seats before the others."""
        order = [one, other, *(seat for seat in self.seats if seat not in (one, other))]
        return replace(
            self,
            contenders=tuple(self.contenders[seat] for seat in order),
            chosen=tuple(order.index(seat) for seat in self.chosen),
        )

    def seeded(self, case: Case) -> Case:
        """A contender's case with this replicate's seed: what its worker is told."""
        return replace(case, workload=replace(case.workload, seed=self.seed))

    @property
    def kind(self) -> str:
        """What its replicates are counted under: the case, another role of it, or the walk."""
        if self.walk:
            return self.walk
        return self.case.id if self.role is Role.COMPARISON else f"{self.case.id}-{self.role}"

    @property
    def id(self) -> str:
        return f"{self.kind}-r{self.replicate}"


def between(case: Case, replicate: int, frameworks: Sequence[str] = FRAMEWORKS) -> Match:
    """These frameworks doing a case, in this order of seats."""
    return Match(
        contenders=tuple(contender_of(framework, case) for framework in frameworks), replicate=replicate
    )


def contender_of(framework: str, case: Case) -> Contender:
    """A framework doing a case, as it runs it (`run_by`)."""
    return Contender(framework=framework, case=run_by(framework, case))


def run_by(framework: str, case: Case) -> Case:
    """The case as a framework runs it: in mode `article` its own listing."""
    return listed(case.workload, framework, case.device) if case.as_printed else case
