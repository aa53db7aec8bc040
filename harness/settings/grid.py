"""The grid of a run: settings become cases, cases become replicated pairs in random order."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import product
from typing import Final

from harness.errors import BadOption
from harness.settings.config import Settings
from harness.work.listings import listed
from harness.work.records import Role
from harness.work.workload import FRAMEWORKS, PYTORCH, TENSORFLOW, Case, Mode, Precision, Workload

SIDES: Final[tuple[str, str]] = ("a", "b")

# TF32 and CUDA graphs are a GPU's, and no ordinary processor computes in fp16: it is emulated there.
_NOT_ON_A_CPU: Final[dict[str, set[StrEnum]]] = {
    "PRECISION": {Precision.TF32, Precision.FP16},
    "MODE": {Mode.GRAPH},
}

# Enough rounds to take turns; a control need not learn anything.
_CONTROL_EPOCHS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One replicate of a case: two fresh processes and the replicate's own seed.

    `frameworks` are those of sides a and b: both, in that order, to compare them, or twice the same for a
    control. Each training step of side b is made to take `planted_share` longer, 0 outside calibration.
    Side b runs `other` where that is not the same case. `change` names what an explanation's pair measures.
    """

    case: Case
    replicate: int
    frameworks: tuple[str, str] = (FRAMEWORKS[0], FRAMEWORKS[1])
    planted_share: float = 0.0
    other: Case | None = None
    change: str = ""

    @property
    def role(self) -> Role:
        if self.change:
            return Role.CHANGE
        return Role.CONTROL if len(set(self.frameworks)) == 1 else Role.COMPARISON

    @property
    def seed(self) -> int:
        return (self.case.workload.seed + self.replicate) % 2**32

    @property
    def cases(self) -> tuple[Case, Case]:
        """What sides a and b run."""
        return self.case, self.other or self.case

    def seeded(self, case: Case) -> Case:
        """A side's case with this replicate's seed: what its worker is told."""
        return replace(case, workload=replace(case.workload, seed=self.seed))

    @property
    def kind(self) -> str:
        """What its replicates are counted under: the case, a control of it, or the change measured."""
        if self.change:
            return self.change
        return self.case.id if self.role is Role.COMPARISON else f"{self.case.id}-control"

    @property
    def id(self) -> str:
        return f"{self.kind}-r{self.replicate}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run will do: every case and one control, up to `replicates` times each."""

    settings: Settings
    cases: tuple[Case, ...]

    def pairs(self) -> Iterator[Pair]:
        """All pairs, replicate by replicate, the cases of each and a control in a fresh random order.

        So a slow drift of the machine is shared by all cases, and a run that is cut short has
        measured them evenly. The order follows from the seed alone.
        """
        shuffler = random.Random(self.settings.seed)  # noqa: S311  (order, not secrecy)
        for replicate in range(self.settings.replicates):
            pairs = [
                Pair(case=case, replicate=replicate, other=_run_by(PYTORCH, case)) for case in self.cases
            ]
            if pairs:
                pairs.append(self._control(replicate))
            yield from shuffler.sample(pairs, len(pairs))

    def _control(self, replicate: int) -> Pair:
        """One framework against itself, the other in the next replicate: at the first case, cut short."""
        workload = self.cases[0].workload
        short = replace(workload, epochs=min(workload.epochs, _CONTROL_EPOCHS))
        framework = FRAMEWORKS[replicate % len(FRAMEWORKS)]
        return Pair(
            case=_run_by(framework, replace(self.cases[0], workload=short)),
            replicate=replicate,
            frameworks=(framework, framework),
        )


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


def ways(device: str) -> list[tuple[Mode, Precision]]:
    """Every mode that can have a certificate on a device, in every number format that there is."""
    left_out = _NOT_ON_A_CPU if device == "cpu" else {}
    modes = [mode for mode in Mode if mode is not Mode.ARTICLE and mode not in left_out.get("MODE", ())]
    formats = [one for one in Precision if one not in left_out.get("PRECISION", ())]
    return list(product(modes, formats))


def _require_on_a_cpu(option: str, asked: Sequence[StrEnum]) -> None:
    elsewhere = _NOT_ON_A_CPU[option]
    for value in asked:
        if value in elsewhere:
            allowed = ", ".join(one for one in type(value) if one not in elsewhere)
            raise BadOption(option, value, f"{allowed} with DEVICE=cpu, or a GPU alone")
