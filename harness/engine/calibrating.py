"""Try the whole method where the answer is known: a framework against itself, or against itself slowed.

A try is what a case of a run is, fresh matches whose rounds take turns, cut to a given time. The same
framework is then measured for as long the usual way, all of one contender and after it all of the other, and
judged by the usual rules.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

from harness.analysis.statistics import Verdict, judge
from harness.analysis.usual import IN_TURNS, Says, usual_calls
from harness.engine.conditions import Conditions
from harness.engine.forking import ForkServers
from harness.engine.known import Known
from harness.engine.playing import Observer, run_match
from harness.engine.ratios import Ratios
from harness.engine.rounds import plan_rounds
from harness.engine.seat import Seat
from harness.measure import scratch
from harness.settings.config import Settings
from harness.settings.matches import Match
from harness.work.contender import Contender
from harness.work.found import Attempt
from harness.work.records import Phase, Trial
from harness.work.workload import Case

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
    case: Case,
    settings: Settings,
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
            itself = Contender(framework=framework, case=case)
            one = _Try(
                match=Match(contenders=(itself, itself), replicate=number, planted_share=share),
                replicates=settings.replicates,
                conditions=conditions,
                known=known[framework],
                save=save,
                observer=observer,
            )
            attempts = one.attempts(usual=usual)
            save_try(attempts)
            observer.try_done(attempts, done=number + 1, tries=len(planned))


@dataclass(kw_only=True)
class _Try:
    """One try in progress; `match.replicate` is its number.

    The replicates of its matches follow those of the try before; the two trials of the usual way have
    the replicate after them.
    """

    match: Match
    replicates: int
    conditions: Conditions
    known: Known
    save: Callable[[Sequence[Trial]], None]
    observer: CalibrationObserver
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def first(self) -> int:
        return self.match.replicate * (self.replicates + 1)

    def attempts(self, *, usual: bool) -> list[Attempt]:
        """What each way says, the project's own first; empty where a trial failed."""
        own = self._in_turns()
        if own is None:
            return []
        return [own, *self._usual()] if usual else [own]

    def _in_turns(self) -> Attempt | None:
        begin_s, first = time.monotonic(), self.first
        log_ratios, trials = [], list[Trial]()
        for replicate in range(first, first + self.replicates):
            match = replace(self.match, replicate=replicate)
            played = run_match(match, self.conditions, self.observer, self.known)
            trials += played
            self.save(played)
            log_ratio = Ratios(played).log_ratio(0, 1)
            if log_ratio is None:
                return None
            log_ratios.append(log_ratio)
        judgement = judge(log_ratios)
        assert judgement.interval is not None
        return self._attempt(
            way=IN_TURNS,
            says=_SAYS.get(judgement.verdict, judgement.verdict),
            ratio=judgement.interval.estimate,
            ratio_low=judgement.interval.low,
            ratio_high=judgement.interval.high,
            replicates=len(log_ratios),
            trials=trials,
            wall_s=time.monotonic() - begin_s,
        )

    def _usual(self) -> list[Attempt]:
        """All of one, and when its process is gone all of the other: one each, as most scripts have it."""
        begin_s = time.monotonic()
        enough_s = self.conditions.enough_s * self.replicates
        trials = [self._alone(number, enough_s) for number in self.match.seats]
        self.save(trials)
        if any(trial.failure for trial in trials):
            return []
        first_s, second_s = ([one.sample_s for one in trial.rounds if not one.warm_up] for trial in trials)
        wall_s = time.monotonic() - begin_s
        return [
            self._attempt(
                way=call.way,
                says=call.says,
                ratio=call.ratio,
                ratio_low=None,
                ratio_high=None,
                replicates=1,
                trials=trials,
                wall_s=wall_s,
            )
            for call in usual_calls(first_s, second_s)
        ]

    def _alone(self, number: int, enough_s: float) -> Trial:
        match = replace(self.match, replicate=self.first + self.replicates)
        seat = Seat(number, match, self.conditions)
        seat.start()
        seat.wait()
        pace = self.known.pace(self.match, [], all_said=False)
        for parts in plan_rounds(self.match.case, pace, self.conditions.round_s).train:
            if seat.failure or seat.trained_s >= enough_s:
                break
            seat.train(parts, place=0, passes=0)
        seat.finish()
        seat.close()
        return seat.trial()

    def _attempt(
        self,
        *,
        way: str,
        says: str,
        ratio: float,
        ratio_low: float | None,
        ratio_high: float | None,
        replicates: int,
        trials: Sequence[Trial],
        wall_s: float,
    ) -> Attempt:
        rounds = [one for trial in trials for one in trial.rounds if one.phase is Phase.TRAIN]
        return Attempt(
            calibration_id=self.conditions.run_id,
            number=self.match.replicate,
            started_at=self.started_at,
            case_id=self.match.case.id,
            framework=self.match.contenders[0].framework,
            planted_share=self.match.planted_share,
            way=way,
            says=str(says),
            ratio=ratio,
            ratio_low=ratio_low,
            ratio_high=ratio_high,
            replicates=replicates,
            rounds=len(rounds),
            measured_s=sum(one.wall_s for one in rounds),
            wall_s=wall_s,
        )
