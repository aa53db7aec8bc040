"""Certificates of every way and precision, and the losses of one way against another's."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.engine import proving
from harness.engine.process import WorkerProcess
from harness.engine.selfchecking.outcome import Outcome, Reading, State, could_not, together
from harness.engine.selfchecking.workers import BATCH_SIZE, CheckConditions, Hand, Workers
from harness.errors import TrialError, WorkerSilent
from harness.measure import scratch
from harness.parity.certificate import Finding
from harness.settings.offers import certifiable
from harness.work.workload import Mode, Precision
from harness.worker.protocol import Do

# Of the loss, from the same weights on the same samples without dropout. A sample on ReLU's kink lacks a
# unit's gradient in one way and has it in the other; what reads another's memory differs by far more.
STEP_WITHIN: Final = 1e-3
EPOCH_WITHIN: Final = 1e-2
STEPS: Final = 20
EPOCHS: Final = 3

_PROOF_SAMPLES: Final = 2_000
_ROUND_S: Final = 0.1
_COLUMNS: Final = ("framework", "mode", "precision", "check", "quantity", "found", "expected", "difference",
                   "bound", "share_of_bound", "holds")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Proof:
    """One framework's way, judged; no findings where there was no time for it."""

    framework: str
    mode: Mode
    precision: Precision
    findings: tuple[Finding, ...]

    @property
    def name(self) -> str:
        return f"{self.framework} {self.mode} {self.precision}"

    @property
    def failure(self) -> Finding | None:
        return next((one for one in self.findings if not one.holds), None)

    @property
    def worst(self) -> Finding | None:
        """The finding whose difference comes closest to its bound."""
        return max(self.findings, key=lambda one: _share(one) or 0.0, default=None)


def certificates(conditions: CheckConditions, workers: Workers) -> Outcome:
    """All ways but `compiled`, one after another in a worker a framework: most of a proof is the import."""
    return _certified(conditions, workers, [Mode.COMPILED], among=False)


def compiled_certificates(conditions: CheckConditions, workers: Workers) -> Outcome:
    """Mode `compiled`, a worker each: a compiler may take one function only so often in a process."""
    return _certified(conditions, workers, [Mode.COMPILED], among=True)


def _certified(
    conditions: CheckConditions, workers: Workers, modes: Sequence[Mode], *, among: bool
) -> Outcome:
    wanted = {
        name: [way for way in certifiable(name, conditions.device) if (way[0] in modes) is among]
        for name in conditions.frameworks
    }
    if not any(wanted.values()):
        return could_not("no framework here has such a mode")
    with scratch.folder("selfcheck") as place, ThreadPoolExecutor() as pool:
        lists = pool.map(
            lambda name: list(_proofs(name, wanted[name], conditions, workers, place, shared=not among)),
            conditions.frameworks,
        )
        proofs = [proof for proofs in lists for proof in proofs]
    name = "compiled-certificates" if among else "certificates"
    _write(conditions.folder / f"{name}.csv", proofs)
    return _judged(proofs)


def _proofs(
    framework: str,
    wanted: Sequence[tuple[Mode, Precision]],
    conditions: CheckConditions,
    workers: Workers,
    place: Path,
    *,
    shared: bool,
) -> Iterator[_Proof]:
    """Each way in turn; after one that fails, and after each where they are not `shared`, a fresh worker."""
    with ExitStack() as stack:
        worker: WorkerProcess | None = None
        for mode, precision in wanted:
            if worker is None:
                worker = stack.enter_context(workers.open(framework)).process
            case = conditions.case(mode, precision, epochs=2, train_samples=_PROOF_SAMPLES)
            answer = proving.testimony(
                worker, conditions.spec(framework, case), place, timeout_s=workers.left_s()
            )
            if isinstance(answer, TrialError) or not shared:
                worker = None
                stack.close()
            findings = () if isinstance(answer, WorkerSilent) else proving.findings(answer)
            yield _Proof(framework=framework, mode=mode, precision=precision, findings=findings)


def _judged(proofs: Sequence[_Proof]) -> Outcome:
    readings = tuple(_reading(proof) for proof in proofs)
    failed = [f"{one.name}: {one.failure.sentence}" for one in proofs if one.failure is not None]
    if failed:
        more = f"; and {len(failed) - 1} more" if len(failed) > 1 else ""
        return Outcome(state=State.FAILED, sentence=failed[0] + more, readings=readings)
    late = [one.name for one in proofs if not one.findings]
    if late:
        return could_not(f"no time was left for {len(late)} of {len(proofs)}: {', '.join(late)}", readings)
    share, name = max((_share(one.worst) or 0.0, one.name) for one in proofs)
    sentence = f"all {len(proofs)} hold; the largest difference is {100 * share:.0f} % of its bound ({name})"
    return Outcome(state=State.PASSED, sentence=sentence, readings=readings)


def _reading(proof: _Proof) -> Reading:
    worst, failure = proof.worst, proof.failure
    if failure is not None:
        return Reading(what=proof.name, value=f"{failure.check}: {failure.sentence}", allowed="holds")
    if worst is None:
        return Reading(what=proof.name, value=None)
    return Reading(
        what=f"{proof.name}: {worst.check}, {worst.quantity}",
        value=100 * (_share(worst) or 0.0),
        unit="% of its bound",
        allowed="at most 100",
    )


def _share(finding: Finding | None) -> float | None:
    """A difference as a share of its bound; None where nothing may differ, or nothing was measured."""
    if finding is None or finding.difference is None or not finding.bound:
        return None
    return finding.difference / finding.bound


def _write(path: Path, proofs: Sequence[_Proof]) -> None:
    """Every single difference, in a file beside the page."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(_COLUMNS)
        for proof in proofs:
            for one in proof.findings:
                table.writerow(
                    [proof.framework, proof.mode.value, proof.precision.value, one.check, one.quantity,
                     one.found, one.expected, one.difference, one.bound, _share(one), one.holds]
                )  # fmt: skip


def other_way(conditions: CheckConditions) -> Mode:
    """What is held against mode `loop`: CUDA graphs, or where there are none the step op by op."""
    return Mode.GRAPH if conditions.on_gpu else Mode.EAGER


def agreeing(conditions: CheckConditions, workers: Workers) -> Outcome:
    """Each framework's losses of the same steps in two modes."""
    return together([_agreeing(name, conditions, workers) for name in conditions.frameworks])


def _agreeing(framework: str, conditions: CheckConditions, workers: Workers) -> Outcome:
    other_mode = other_way(conditions)
    if (other_mode, Precision.FP32) not in certifiable(framework, conditions.device):
        return could_not(f"{framework} has no mode {other_mode}")
    cases = [conditions.case(mode, dropout_rate=0.0) for mode in (Mode.LOOP, other_mode)]
    with ExitStack() as stack:
        hands = [stack.enter_context(workers.open(framework)) for _ in cases]
        for hand, case in zip(hands, cases, strict=True):
            hand.begin(case)
        for hand, case in zip(hands, cases, strict=True):
            hand.ready(case, _ROUND_S)
        loop, other = (_losses(hand, cases[0].workload.train_samples) for hand in hands)
    differences = [abs(b - a) / abs(a) if a else abs(b) for a, b in zip(loop, other, strict=True)]
    of_steps, of_epochs = max(differences[:STEPS]), max(differences[STEPS:])
    readings = tuple(
        Reading(what=f"{framework}: {what}", value=value, allowed=f"at most {bound:g}, relative")
        for what, value, bound in (
            (f"losses of {STEPS} steps", of_steps, STEP_WITHIN),
            (f"losses of {EPOCHS} epochs after them", of_epochs, EPOCH_WITHIN),
        )
    )
    agree = of_steps <= STEP_WITHIN and of_epochs <= EPOCH_WITHIN
    return Outcome(
        state=State.PASSED if agree else State.FAILED,
        sentence=f"{framework}: losses of the same steps in {cases[1].mode} and loop differ by "
        f"{of_steps:.1g} at most, those of the epochs after them by {of_epochs:.1g}",
        readings=readings,
    )


def _losses(hand: Hand, train_samples: int) -> list[float]:
    """Of single steps from the start, and then of whole epochs."""
    parts = [(0, step * BATCH_SIZE, (step + 1) * BATCH_SIZE) for step in range(STEPS)]
    parts += [(epoch, 0, train_samples) for epoch in range(1, EPOCHS + 1)]
    return [
        float(hand.ask(Do.TRAIN, epoch=epoch, first=first, last=last)["loss"]) for epoch, first, last in parts
    ]
