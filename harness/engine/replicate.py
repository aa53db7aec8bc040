"""One replicate of a case: two fresh workers whose rounds take turns."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Protocol

from harness.analysis.match import typical_effects
from harness.analysis.statistics import Judgement
from harness.engine.conditions import Conditions
from harness.engine.energy import measure_energy
from harness.engine.pairing import turns
from harness.engine.rounds import Rounds, faster, plan_rounds
from harness.engine.side import Side
from harness.measure.gpu import GpuSampler
from harness.settings.grid import SIDES, Pair
from harness.work.records import Phase, Role, Round, Trial
from harness.work.workload import TEST_SAMPLES, WHOLE_EPOCHS


class Observer(Protocol):
    """Who is told how a run goes on. Called between timed rounds only, never during one."""

    def pair_began(self, pair: Pair, *, spent_s: float, left_s: float | None) -> None: ...

    def turn_done(self, pair: Pair, *, done: int, rounds: int) -> None: ...

    def trial_done(self, trial: Trial) -> None: ...

    def judged(self, pair: Pair, so_far: Judgement) -> None: ...


def run_pair(
    pair: Pair, conditions: Conditions, observer: Observer, known: dict[str, Rounds] | None = None
) -> tuple[Trial, Trial]:
    """Measure one replicate. A side that fails leaves the other to finish alone.

    `known` keeps the rounds of each kind of pair, so that all its replicates have the same. Interrupted,
    it still returns what both sides have measured, their trials marked so, through `Interrupted.trials`.
    """
    known = {} if known is None else known
    gpu = GpuSampler(conditions.gpus[pair.case.device]) if pair.case.device in conditions.gpus else None
    a, b = (Side(name, pair, conditions, gpu) for name in SIDES)
    sides = {a.name: a, b.name: b}
    try:
        first = random.Random(_seed(pair)).sample([a, b], 2)  # noqa: S311  (order, not secrecy)
        # One by one on a GPU: what the device's memory grows by then has one owner.
        _start(first, together=conditions.together and gpu is None)
        _take_turns(pair, sides, _rounds(pair, sides, conditions, known), conditions, observer)
        if (
            gpu is not None
            and gpu.tells_energy
            and pair.role is Role.COMPARISON
            and not conditions.speed_only
        ):
            measure_energy(sides, _seed(pair))
        for side in sides.values():
            side.finish()
    except KeyboardInterrupt:
        for side in sides.values():
            side.fail("interrupted", "the run was interrupted before this trial finished")
        _close(sides, gpu)
        raise Interrupted((a.trial(), b.trial())) from None
    _close(sides, gpu)
    return a.trial(), b.trial()


def _close(sides: Mapping[str, Side], gpu: GpuSampler | None) -> None:
    """End both workers; the next pair finds the GPU's memory as this one did."""
    for side in sides.values():
        side.close()
    if gpu is not None:
        gpu.stop()


def _start(sides: list[Side], *, together: bool) -> None:
    """Start both workers: at the same time where each has its cores, else one after the other."""
    for side in sides:
        side.start()
        if not together:
            side.wait()
    if together:
        for side in sides:
            side.wait()


def _rounds(
    pair: Pair, sides: Mapping[str, Side], conditions: Conditions, known: dict[str, Rounds]
) -> Rounds:
    """The rounds that its kind of pair has; the first pair in which both sides have started decides."""
    if pair.kind in known:
        return known[pair.kind]
    said = [side.pace for side in sides.values() if side.pace is not None]
    # Where the sides cut an epoch into other batches, no part of one is whole batches to both.
    cut_alike = len({(case.mode in WHOLE_EPOCHS, case.workload.batch_size) for case in pair.cases}) == 1
    rounds = plan_rounds(pair.case, faster(pair.case, said), conditions.round_s, divisible=cut_alike)
    if len(said) == len(sides):
        known[pair.kind] = rounds
    return rounds


def _take_turns(
    pair: Pair, sides: Mapping[str, Side], rounds: Rounds, conditions: Conditions, observer: Observer
) -> None:
    order = turns((SIDES[0], SIDES[1]), len(rounds.train), _seed(pair))
    passes = 0 if conditions.speed_only else rounds.passes
    for done, (parts, names) in enumerate(zip(rounds.train, order, strict=True), start=1):
        for turn, name in enumerate(names):
            sides[name].train(parts, turn, passes)
        observer.turn_done(pair, done=done, rounds=len(rounds.train))
        if all(side.failure or side.trained_s >= conditions.enough_s for side in sides.values()):
            break
    if pair.role is not Role.COMPARISON or conditions.speed_only:
        return
    _predict([sides[name] for name in names])


def _predict(sides: Sequence[Side]) -> None:
    """Latencies at one sample, and at each side's own batch size."""
    for side in sides:
        side.predict(1)
    for side in sides:
        # The test set has no batch larger than itself.
        if 1 < side.case.workload.batch_size <= TEST_SAMPLES:
            side.predict(side.case.workload.batch_size)


def _seed(pair: Pair) -> str:
    return f"{pair.kind}:{pair.seed}"


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a pair; carries what the pair had measured."""

    def __init__(self, trials: tuple[Trial, Trial]) -> None:
        super().__init__()
        self.trials = trials


def pair_log_ratio(a: Trial, b: Trial, phase: Phase = Phase.TRAIN) -> float | None:
    """The log of side a's speed over side b's; None when a side did not finish or was not timed in the phase.

    As `analysis.verdicts` has it: the median over the rounds that neither side had in its warm-up.
    """
    if a.failure is not None or b.failure is not None:
        return None
    times_s = [
        (one.sample_s, other.sample_s)
        for one, other in zip(_timed(a, phase), _timed(b, phase), strict=True)
        if not (one.warm_up or other.warm_up)
    ]
    if not times_s:
        return None
    first, second = typical_effects(times_s)
    return float(first - second)


def _timed(trial: Trial, phase: Phase) -> list[Round]:
    return [one for one in trial.rounds if one.phase is phase]
