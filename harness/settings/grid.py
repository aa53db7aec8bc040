"""The grid of a run: settings become cases, cases become replicated matches in random order."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import product
from typing import Final

from harness.errors import BadOption
from harness.settings.config import Settings
from harness.work.contender import Contender
from harness.work.listings import listed
from harness.work.records import Role
from harness.work.workload import FRAMEWORKS, TENSORFLOW, Case, Mode, Precision, Workload

# TF32 and CUDA graphs are a GPU's, and no ordinary processor computes in fp16: it is emulated there.
_NOT_ON_A_CPU: Final[dict[str, set[StrEnum]]] = {
    "PRECISION": {Precision.TF32, Precision.FP16},
    "MODE": {Mode.GRAPH},
}

# Enough rounds to take turns; a control need not learn anything.
_CONTROL_EPOCHS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One replicate: a fresh process for each contender, which take turns, and the replicate's own seed.

    A contender's place among `contenders` is its seat. The same one twice is a control. Each training step of
    the last is made to take `planted_share` longer, 0 outside calibration. `walk` names a match of an
    explanation: its contenders are programs on the way from one to another. Where memory cannot hold them
    all at once, each part of the match seats the first `shared` of them and some of the others.
    """

    contenders: tuple[Contender, ...]
    replicate: int
    planted_share: float = 0.0
    walk: str = ""
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
        return Role.CONTROL if len(set(self.contenders)) == 1 else Role.COMPARISON

    @property
    def case(self) -> Case:
        """The case of the first contender, which all have but for what tells their ways apart."""
        return self.contenders[0].case

    @property
    def seed(self) -> int:
        return (self.case.workload.seed + self.replicate) % 2**32

    def seeded(self, case: Case) -> Case:
        """A contender's case with this replicate's seed: what its worker is told."""
        return replace(case, workload=replace(case.workload, seed=self.seed))

    @property
    def kind(self) -> str:
        """What its replicates are counted under: the case, a control of it, or the walk."""
        if self.walk:
            return self.walk
        return self.case.id if self.role is Role.COMPARISON else f"{self.case.id}-control"

    @property
    def id(self) -> str:
        return f"{self.kind}-r{self.replicate}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run will do: every case and one control, up to `replicates` times each."""

    settings: Settings
    cases: tuple[Case, ...]

    def matches(self) -> Iterator[Match]:
        """All matches, replicate by replicate, the cases of each and a control in a fresh random order.

        So a slow drift of the machine is shared by all cases, and a run that is cut short has
        measured them evenly. The order follows from the seed alone.
        """
        shuffler = random.Random(self.settings.seed)  # noqa: S311  (order, not secrecy)
        for replicate in range(self.settings.replicates):
            matches = [between(case, replicate) for case in self.cases]
            if matches:
                matches.append(self._control(replicate))
            yield from shuffler.sample(matches, len(matches))

    def _control(self, replicate: int) -> Match:
        """One framework against itself, the other in the next replicate: at the first case, cut short."""
        workload = self.cases[0].workload
        short = replace(workload, epochs=min(workload.epochs, _CONTROL_EPOCHS))
        one = _contender(FRAMEWORKS[replicate % len(FRAMEWORKS)], replace(self.cases[0], workload=short))
        return Match(contenders=(one, one), replicate=replicate)


def between(case: Case, replicate: int) -> Match:
    """Both frameworks doing a case."""
    return Match(
        contenders=tuple(_contender(framework, case) for framework in FRAMEWORKS), replicate=replicate
    )


def _contender(framework: str, case: Case) -> Contender:
    return Contender(framework=framework, case=_run_by(framework, case))


def _run_by(framework: str, case: Case) -> Case:
    """The case as a framework runs it: in mode `article` its own listing."""
    return listed(case.workload, framework, case.device) if case.as_printed else case


def plan(settings: Settings) -> Plan:
    """Span the grid device x mode x precision x epochs x batch size.

    Mode `article` has one case instead of one a batch size: TensorFlow's listing, which stands for both.

    Raises:
        BadOption: when a combination is not allowed, such as a batch larger than the training set or a
            number format that the device does not have.
    """
    if "cpu" in settings.device:
        _require_on_a_cpu("MODE", settings.mode)
        _require_on_a_cpu("PRECISION", settings.precision)
    cases = [
        _run_by(
            TENSORFLOW,
            Case(
                workload=Workload(
                    dataset=settings.dataset,
                    batch_size=batch_size,
                    epochs=epochs,
                    precision=precision,
                    seed=settings.seed,
                    train_samples=settings.train_samples,
                    eval_batch_size=settings.eval_batch_size,
                ),
                device=device,
                mode=mode,
            ),
        )
        for device, mode, precision, epochs, batch_size in product(
            settings.device, settings.mode, settings.precision, settings.epochs, settings.batch_size
        )
    ]
    return Plan(settings=settings, cases=tuple(dict.fromkeys(cases)))


def _require_on_a_cpu(option: str, asked: Sequence[StrEnum]) -> None:
    elsewhere = _NOT_ON_A_CPU[option]
    for value in asked:
        if value in elsewhere:
            allowed = ", ".join(one for one in type(value) if one not in elsewhere)
            raise BadOption(option, value, f"{allowed} with DEVICE=cpu, or a GPU alone")
