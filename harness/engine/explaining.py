"""Measure what tells two programs apart: all programs on the way between them take turns in one match.

A replicate is one walk, in an order of its own and with a seed of its own. Its legs' ratios come from the
same turns, so they multiply to the ratio of the ends: nothing stays unexplained. Where memory does not hold
all programs at once, both ends sit in every part of the match: each part then says how far they are apart,
and the product of the legs can be held against what the first part shows.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Final, Protocol

from harness.engine.conditions import Conditions
from harness.engine.playing import Interrupted, Observer, run_match
from harness.engine.ratios import Ratios
from harness.engine.rounds import Rounds
from harness.engine.runner import Outcome, ended
from harness.engine.stopping import Budget
from harness.measure import scratch
from harness.settings.config import Settings
from harness.settings.grid import Match
from harness.work.changes import WHOLE, Leg, asides, level, orders, walk
from harness.work.contender import Contender
from harness.work.records import Change, Phase, Trial
from harness.work.workload import Adam

_WALK: Final = "walk"


class ExplainObserver(Observer, Protocol):
    def change_done(self, change: Change, *, done: int, legs: int) -> None: ...


def explain(
    a: Contender,
    b: Contender,
    settings: Settings,
    *,
    run_id: str,
    data_root: Path,
    logs: Path,
    save: Callable[[Trial], None],
    save_change: Callable[[Change], None],
    observer: ExplainObserver,
    beside: bool = False,
) -> Outcome:
    """Walk until time or replicates are used up; every walk is on disk before the next.

    With `beside`, each walk also looks at what neither end has typed.

    The first walk is made whatever it takes, another only if the longest so far would still fit.
    """
    with scratch.folder() as cache:
        conditions = Conditions.of(
            settings,
            run_id=run_id,
            data_root=data_root,
            logs=logs,
            compile_cache=cache,
            certificates={},
        )
        walks = _Walks(
            ends=(a, b),
            beside=asides((a, b)) if beside else [],
            conditions=conditions,
            save=save,
            save_change=save_change,
            observer=observer,
        )
        return walks.outcome(settings)


@dataclass(kw_only=True)
class _Walks:
    """The walks of an explanation in progress."""

    ends: tuple[Contender, Contender]
    beside: Sequence[Leg]
    conditions: Conditions
    save: Callable[[Trial], None]
    save_change: Callable[[Change], None]
    observer: ExplainObserver
    rounds: dict[str, Rounds] = field(default_factory=dict)
    finished: Counter[bool] = field(default_factory=Counter)
    stopped_because: str = ""

    def outcome(self, settings: Settings) -> Outcome:
        """Walk until walks or time are used up, or it is ended before."""
        return ended(lambda: self._walk_all(settings), lambda: self.stopped_because, self.finished)

    def _walk_all(self, settings: Settings) -> None:
        budget = Budget(settings.budget_s)
        for replicate, order in zip(
            range(settings.replicates), orders(*self.ends, settings.seed), strict=False
        ):
            if not budget.allows(_WALK):
                self.stopped_because = f"the time budget of {settings.budget_s:g} s was spent"
                return
            begin_s = time.monotonic()
            self.walk(order, replicate)
            budget.record(_WALK, time.monotonic() - begin_s)
        self.stopped_because = f"it has its {settings.replicates} walk{'s' * (settings.replicates != 1)}"

    def walk(self, order: list[str], replicate: int) -> None:
        """Measure all programs of a walk, those beside it too, and say what each change did."""
        a, b = self.ends
        legs = [Leg(name=WHOLE, before=a, after=b), *walk(a, b, order), *self.beside]
        programs = tuple(dict.fromkeys([a, b, *(leg.after for leg in legs)]))
        match = Match(
            contenders=programs,
            replicate=replicate,
            walk=_WALK,
            shared=min(len(self.ends), len(programs) - 1),
        )
        started_at, begin_s = datetime.now(UTC), time.monotonic()
        ratios = Ratios(self._trials(match))
        wall_s = time.monotonic() - begin_s
        for place, leg in enumerate(legs):
            change = self._change(leg, place, match, ratios, started_at=started_at, wall_s=wall_s)
            self.save_change(change)
            self.observer.change_done(change, done=place + 1, legs=len(legs))

    def _trials(self, match: Match) -> tuple[Trial, ...]:
        """Play the match and keep its trials."""
        try:
            trials = run_match(match, self.conditions, self.observer, self.rounds)
        except Interrupted as interrupted:
            self.keep(interrupted.trials)
            raise
        self.keep(trials)
        return trials

    def _change(
        self, leg: Leg, place: int, match: Match, ratios: Ratios, *, started_at: datetime, wall_s: float
    ) -> Change:
        """What a leg of the walk did."""
        after_seat, before_seat = (match.contenders.index(program) for program in (leg.after, leg.before))
        after, before = ratios.trials(after_seat, before_seat)
        failure = before.failure or after.failure
        train, evaluate = (ratios.log_ratio(after_seat, before_seat, phase) for phase in Phase)
        return Change(
            explanation_id=self.conditions.run_id,
            replicate=match.replicate,
            place=place,
            name=_name(leg),
            aside=leg.aside,
            level_before=_said(leg.before, leg.name),
            level_after=_said(leg.after, leg.name),
            before=leg.before.id,
            after=leg.after.id,
            seed=match.seed,
            started_at=started_at,
            train_ratio=None if train is None else math.exp(train),
            eval_ratio=None if evaluate is None else math.exp(evaluate),
            train_samples_per_s_before=_speed(before),
            train_samples_per_s_after=_speed(after),
            accuracy_before=_accuracy(before),
            accuracy_after=_accuracy(after),
            failure_reason=failure.reason if failure else None,
            parts=ratios.parts,
            wall_s=wall_s,
        )

    def keep(self, trials: tuple[Trial, ...]) -> None:
        for trial in trials:
            self.save(trial)
            self.finished[trial.failure is None] += 1
            self.observer.trial_done(trial)


def _name(leg: Leg) -> str:
    """What is changed; beside the way, at either end and to several levels, also where and to what."""
    if not leg.aside:
        return leg.name
    return f"{leg.name} {_said(leg.after, leg.name)}, {leg.after.framework}"


def _said(contender: Contender, name: str) -> str:
    """A level in a word; the contender where the whole of it is meant."""
    if name == WHOLE:
        return contender.id
    held = level(contender, name)
    return f"epsilon {held.epsilon:.0e}" if isinstance(held, Adam) else str(held)


def _speed(trial: Trial) -> float | None:
    speeds = [one.samples_per_s for one in trial.rounds if one.phase is Phase.TRAIN and not one.warm_up]
    return median(speeds) if speeds else None


def _accuracy(trial: Trial) -> float | None:
    seen = [one.accuracy for one in trial.rounds if one.phase is Phase.EVALUATE]
    return seen[-1] if seen else None
