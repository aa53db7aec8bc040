"""Whole runs on simulated machines: how many turns each match has, what it says, and when the run ends.

`engine.known` says how many turns a replicate has and `engine.stopping` when a run ends, on a clock that only
the simulated matches move. Costs are constants, so what is learned is how much turns and replicates vary.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.stats import median_abs_deviation

from harness.analysis.intervals import FloatArray
from harness.analysis.statistics import MIN_REPLICATES
from harness.engine.known import Cost, Known
from harness.engine.stopping import Budget, Like, Target
from harness.settings import config
from harness.settings.grid import plan
from harness.work.records import Role
from studies.effect_candidates import means_of_pairwise_medians
from studies.noise import Noise, Scenario, Shape

BATCH_SIZES = (64, 512, 32, 128)

# Of one case, both frameworks at once (decision 0009).
LEARNING_S = 12.0

IntArray = npt.NDArray[np.intp]


def varying(turns: float, replicates: float) -> Noise:
    """Normal noise by the standard deviations of the log-ratios of two contenders."""

    def noise(rng: np.random.Generator, shape: Shape) -> FloatArray:
        born = rng.normal(0, replicates / np.sqrt(2), shape.processes)
        return np.asarray(born + rng.normal(0, turns / np.sqrt(2), shape.cells))

    return noise


# The machine of decision 0009 by what its log-ratios vary, turns and replicates by themselves.
MEASURED = (
    Scenario(name="measured, batch 64", describes="turns 17 %, replicates 4.8 %", noise=varying(0.17, 0.048)),
    Scenario(name="measured, batch 512", describes="turns 9 %, replicates 0", noise=varying(0.09, 0.0)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Seconds of a match: until its first turn, after its last, and a turn of both contenders."""

    name: str
    start_s: float
    after_s: float
    turn_s: float

    def match_s(self, turns: IntArray) -> FloatArray:
        return np.asarray(self.start_s + self.after_s + self.turn_s * turns)

    def turns(self, known: Known) -> int:
        return known.turns("", start_s=self.start_s, turn_s=self.turn_s)

    def of(self, turns: int) -> Cost:
        return Cost(turns=turns, turns_s=turns * self.turn_s, rest_s=self.start_s + self.after_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """When a run of so many cases ends: at its most replicates, or before for being narrow or out of time."""

    cases: int = 1
    most: int = 20
    within: float | None = None
    budget_s: float | None = None


def played(log_times: FloatArray, costs: Costs, *, learns: bool) -> tuple[FloatArray, IntArray]:
    """What the matches of (runs, replicates, turns, contenders) log-times said, and how many turns they had.

    A run that does not learn gives all replicates the turns of the first.
    """
    known = [Known() for _ in log_times]
    log_ratios, errors = np.empty(log_times.shape[:2]), np.empty(len(log_times))
    turns = np.empty(log_ratios.shape, np.intp)
    for replicate in range(log_times.shape[1]):
        turns[:, replicate] = [costs.turns(one) for one in known]
        for count in np.unique(turns[:, replicate]):
            alike = turns[:, replicate] == count
            of = log_times[alike, replicate, :count]
            log_ratios[alike, replicate] = np.diff(means_of_pairwise_medians(of))[:, 0]
            errors[alike] = turn_errors(of)
        if learns:
            columns = (turns[:, replicate].tolist(), log_ratios[:, replicate].tolist(), errors.tolist())
            for one, count, log_ratio, error in zip(known, *columns, strict=True):
                one.record("", costs.of(count), log_ratio, error)
    return log_ratios, turns


def turn_errors(log_times: FloatArray) -> FloatArray:
    """`analysis.match.turn_error` of many matches at once: (matches, turns, 2) log-times."""
    log_ratios = log_times[..., 1] - log_times[..., 0]
    spread = median_abs_deviation(log_ratios, axis=-1, scale="normal")
    return np.asarray(spread * np.sqrt(np.pi / 2 / log_ratios.shape[-1]))


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Run:
    """The matches of the real plan, in its order, of which a run takes those that `engine.runner` would."""

    def __init__(self, stop: Stop, costs: Costs) -> None:
        self._stop = stop
        asked = {"batch_size": ",".join(map(str, BATCH_SIZES[: stop.cases])), "replicates": str(stop.most)}
        planned = plan(config.resolve(asked, {}, Path.cwd()))
        self._cases = [case.id for case in planned.cases]
        matches = planned.matches(MIN_REPLICATES)
        self._matches = [(match.role, match.case.id, match.kind) for match in matches]
        # A control takes no turns of evaluation, and has too few replicates to learn from.
        self._control_s = costs.start_s + costs.turn_s * costs.turns(Known())

    def replicates(self, log_ratios: FloatArray, took_s: FloatArray) -> list[int]:
        """How many each case has in the end, of (cases, replicates) that a run might have."""
        if self._stop.within is None or self._stop.budget_s is None:
            return [self._stop.most] * len(log_ratios)
        clock = Clock()
        budget, target = Budget(self._stop.budget_s, clock), Target(self._stop.within)
        measured, controls = dict.fromkeys(self._cases, 0), 0
        for role, case, kind in self._matches:
            late = role is Role.LEARNING and budget.is_spent
            open_control = role is Role.CONTROL and controls < MIN_REPLICATES
            wanted = open_control or self._wanted(role, case, target)
            if late or not budget.allows(Like(kind)) or not wanted:
                continue
            controls += role is Role.CONTROL
            match_s = LEARNING_S if role is Role.LEARNING else self._control_s
            if role is Role.COMPARISON:
                place = self._cases.index(case), measured[case]
                match_s = float(took_s[place])
                target.record(case, float(log_ratios[place]))
                measured[case] += 1
            clock.now_s += match_s
            budget.record(Like(kind), match_s)
        return list(measured.values())

    def _wanted(self, role: Role, case: str, target: Target) -> bool:
        if role is Role.LEARNING:
            return True
        return not all(map(target.reached, self._cases if role is Role.CONTROL else [case]))
