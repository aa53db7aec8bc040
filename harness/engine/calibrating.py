"""Try the whole method where the answer is known: a framework against itself, or against itself slowed.

A try is what a run is, in small: fresh matches of its cases, in a run's order, whose rounds take turns, cut
to a given time and judged as one family. The same framework is then measured for as long the usual way, all
of one contender and after it all of the other, and judged by the usual rules.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

from harness.analysis.intervals import Interval
from harness.analysis.statistics import MIN_REPLICATES, Verdict, judge_family
from harness.analysis.usual import FEWEST_ROUNDS, IN_TURNS, Says, usual_calls
from harness.engine.conditions import Conditions
from harness.engine.forking import ForkServers
from harness.engine.known import Known
from harness.engine.playing import Observer, run_and_keep
from harness.engine.ratios import Ratios
from harness.engine.rounds import plan_rounds
from harness.engine.seat import Seat
from harness.measure import scratch
from harness.settings.config import Settings
from harness.settings.grid import Plan
from harness.settings.matches import Match
from harness.work.contender import Contender
from harness.work.found import Attempt
from harness.work.records import Phase, Trial
from harness.work.workload import Case
from harness.worker.planting import steps_together

_SAYS: Final[dict[str, Says]] = {
    Verdict.A_FASTER: Says.FIRST_FASTER,
    Verdict.B_FASTER: Says.SECOND_FASTER,
}


class CalibrationObserver(Observer, Protocol):
    def try_done(self, attempts: Sequence[Attempt], *, done: int, tries: int) -> None: ...


def tries(settings: Settings) -> Iterator[tuple[str, float]]:
    """Framework and planted share of each try: the shares in random order, the frameworks by turns."""
    shuffler = random.Random(settings.seed)  # noqa: S311  (order, not secrecy)
    for number in range(settings.tries):
        for share in shuffler.sample(settings.planted, len(settings.planted)):
            yield settings.frameworks[number % len(settings.frameworks)], share


def calibrate(
    plan: Plan,
    *,
    run_id: str,
    data_root: Path,
    logs: Path,
    save: Callable[[Sequence[Trial]], None],
    save_try: Callable[[Sequence[Attempt]], None],
    observer: CalibrationObserver,
    usual: bool = True,
) -> None:
    """Run all tries; trials and tries are on disk as each ends, so an interrupted calibration is a short one.

    Without `usual` the time for the usual ways is saved.

    A try in which a trial fails says nothing and is left out; its trials are stored all the same.
    """
    settings = plan.settings
    with scratch.folder() as cache, ForkServers() as servers:
        usual_conditions = Conditions.of(
            settings,
            run_id=run_id,
            data_root=data_root,
            logs=logs,
            compile_cache=cache,
            certificates={},
            servers=servers,
        )
        # Both seats of a replicate share a try's time evenly with those of the others.
        enough_s = settings.try_s / settings.replicates / 2
        conditions = replace(usual_conditions, enough_s=enough_s, speed_only=True)
        planned = list(tries(settings))
        known = {framework: Known() for framework in settings.frameworks}
        for number, (framework, share) in enumerate(planned):
            one = _Try(
                number=number,
                framework=framework,
                planted_share=share,
                plan=plan,
                conditions=replace(conditions, whole_steps=steps_together(share)),
                known=known[framework],
                save=save,
                observer=observer,
            )
            attempts = one.attempts(usual=usual)
            save_try(attempts)
            observer.try_done(attempts, done=number + 1, tries=len(planned))


@dataclass(slots=True)
class _Told:
    """What the matches of one case have told so far."""

    log_ratios: list[float] = field(default_factory=list)
    trials: list[Trial] = field(default_factory=list)
    wall_s: float = 0.0


@dataclass(kw_only=True)
class _Try:
    """One try in progress.

    The replicates of its matches follow those of the try before; the two trials of the usual way have
    the replicate after them.
    """

    number: int
    framework: str
    planted_share: float
    plan: Plan
    conditions: Conditions
    known: Known
    save: Callable[[Sequence[Trial]], None]
    observer: CalibrationObserver
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def replicates(self) -> int:
        return self.plan.settings.replicates

    def attempts(self, *, usual: bool) -> list[Attempt]:
        """What each way says of each case, the project's own first; empty where a trial failed."""
        own = self._in_turns()
        if not (own and usual):
            return own
        return [*own, *(one for case in self.plan.cases for one in self._usual(case))]

    def _match(self, case: Case, replicate: int) -> Match:
        itself = Contender(framework=self.framework, case=case)
        return Match(
            contenders=(itself, itself),
            replicate=self.number * (self.replicates + 1) + replicate,
            planted_share=self.planted_share,
        )

    def _in_turns(self) -> list[Attempt]:
        told = {case: _Told() for case in self.plan.cases}
        for match in self.plan.comparisons(MIN_REPLICATES, self._match):
            begin_s = time.monotonic()
            played = run_and_keep(match, self.conditions, self.observer, self.known, self._keep)
            log_ratio = Ratios(played).log_ratio(0, 1)
            if log_ratio is None:
                return []
            of = told[match.case]
            of.log_ratios.append(log_ratio)
            of.trials += played
            of.wall_s += time.monotonic() - begin_s
        judgements = judge_family([of.log_ratios for of in told.values()])
        return [
            self._attempt(
                case,
                way=IN_TURNS,
                says=_SAYS.get(judgement.verdict, judgement.verdict),
                interval=judgement.interval,
                trials=of.trials,
                wall_s=of.wall_s,
            )
            for (case, of), judgement in zip(told.items(), judgements, strict=True)
            if judgement.interval is not None
        ]

    def _usual(self, case: Case) -> list[Attempt]:
        """All of one, and when its process is gone all of the other: one each, as most scripts have it.

        Nothing is said where the time did not do for rounds enough.
        """
        begin_s, match = time.monotonic(), self._match(case, self.replicates)
        trials = [self._alone(number, match) for number in match.seats]
        self._keep(trials)
        if any(trial.failure for trial in trials):
            return []
        first_s, second_s = ([one.sample_s for one in trial.rounds if not one.warm_up] for trial in trials)
        if min(len(first_s), len(second_s)) < FEWEST_ROUNDS:
            return []
        wall_s = time.monotonic() - begin_s
        return [
            self._attempt(
                case,
                way=call.way,
                says=call.says,
                interval=Interval(estimate=call.ratio, low=None, high=None, confidence=0.95, replicates=1),
                trials=trials,
                wall_s=wall_s,
            )
            for call in usual_calls(first_s, second_s)
        ]

    def _keep(self, trials: Sequence[Trial]) -> None:
        self.save(trials)
        for trial in trials:
            self.observer.trial_done(trial)

    def _alone(self, number: int, match: Match) -> Trial:
        seat = Seat(number, match, self.conditions)
        seat.start()
        seat.wait()
        pace = self.known.pace(match, [], all_said=False)
        enough_s = self.conditions.enough_s * self.replicates
        conditions = self.conditions
        rounds = plan_rounds(match.case, pace, conditions.round_s, whole_steps=conditions.whole_steps)
        for parts in rounds.train:
            if seat.failure or seat.trained_s >= enough_s:
                break
            seat.train(parts, place=0, passes=0)
        seat.finish()
        seat.close()
        return seat.trial()

    def _attempt(
        self,
        case: Case,
        *,
        way: str,
        says: str,
        interval: Interval,
        trials: Sequence[Trial],
        wall_s: float,
    ) -> Attempt:
        rounds = [one for trial in trials for one in trial.rounds if one.phase is Phase.TRAIN]
        return Attempt(
            calibration_id=self.conditions.run_id,
            number=self.number,
            started_at=self.started_at,
            case_id=case.id,
            framework=self.framework,
            planted_share=self.planted_share,
            way=way,
            says=str(says),
            ratio=interval.estimate,
            ratio_low=interval.low,
            ratio_high=interval.high,
            replicates=interval.replicates,
            rounds=len(rounds),
            measured_s=sum(one.wall_s for one in rounds),
            wall_s=wall_s,
        )
