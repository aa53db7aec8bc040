"""Measure what tells two programs apart: all programs on the way between them take turns in one match.

A replicate is one walk, in an order of its own and with a seed of its own. Its legs' ratios come from the
same turns, so they multiply to the ratio of the ends. One end sits twice, the last in one walk and the first
in the next, and the whole is measured with the second of its processes: what the legs leave unexplained is
then a control, the noise of two processes of one program. Where memory does not hold all programs at once,
both ends sit in every part of the match, and how far the parts disagree about them is in it too.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final, Protocol

import pandas as pd

from harness.analysis.closing import LEAST, MOST, Closing, closing
from harness.engine.conditions import Conditions
from harness.engine.ending import Outcome, ended
from harness.engine.forking import ForkServers
from harness.engine.known import Known
from harness.engine.playing import Observer, run_and_keep
from harness.engine.ratios import Ratios
from harness.engine.stopping import Budget, Closed, Like
from harness.measure import scratch
from harness.settings.config import Settings
from harness.settings.matches import Match
from harness.work.changes import WHOLE, Leg, asides, level, orders, walk
from harness.work.contender import Contender
from harness.work.found import Change
from harness.work.records import Phase, Trial
from harness.work.tally import Tally
from harness.work.workload import Adam

_WALK: Final = "walk"

# A worker may take so long to answer, whatever is left of the time: it may have to start first.
_LEAST_TIMEOUT_S: Final = 60.0


class ExplainObserver(Observer, Protocol):
    def change_done(self, change: Change, *, done: int, legs: int) -> None: ...

    def walk_done(self, so_far: Closing) -> None:
        """How all walks so far close."""


def explain(
    a: Contender,
    b: Contender,
    settings: Settings,
    *,
    run_id: str,
    data_root: Path,
    logs: Path,
    save: Callable[[Sequence[Trial]], None],
    save_change: Callable[[Change], None],
    observer: ExplainObserver,
    beside: bool = False,
) -> Outcome:
    """Walk until that closes surely, or time or walks are used up; every walk is on disk before the next.

    With `beside`, each walk also looks at what neither end has typed.

    The first walk is made whatever it takes, another only if the longest so far would still fit. One that
    takes longer all the same ends with the turns that it has, and says nothing of accuracy.
    """
    with scratch.folder() as cache, ForkServers() as servers:
        conditions = Conditions.of(
            settings,
            run_id=run_id,
            data_root=data_root,
            logs=logs,
            compile_cache=cache,
            certificates={},
            servers=servers,
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
    save: Callable[[Sequence[Trial]], None]
    save_change: Callable[[Change], None]
    observer: ExplainObserver
    known: Known = field(default_factory=Known)
    changes: list[Change] = field(default_factory=list)
    closed: Closed = field(default_factory=Closed)
    tally: Tally = field(default_factory=Tally)
    stopped_because: str = ""

    def outcome(self, settings: Settings) -> Outcome:
        """Walk until it closes, walks or time are used up, or it is ended before."""
        return ended(lambda: self._walk_all(settings), lambda: self.stopped_because, self.tally)

    def _walk_all(self, settings: Settings) -> None:
        budget = Budget(settings.budget_s)
        for replicate, order in zip(
            range(settings.replicates), orders(*self.ends, settings.seed), strict=False
        ):
            if not budget.allows(Like(_WALK)):
                self.stopped_because = f"the time budget of {settings.budget_s:g} s was spent"
                return
            begin_s = time.monotonic()
            if replicate:
                # The machine may have become slower since the first walk, or a worker may hang.
                left_s = settings.budget_s - budget.spent_s
                self.conditions = replace(
                    self.conditions,
                    ends_at_s=begin_s + left_s,
                    timeout_s=min(settings.timeout_s, max(left_s, _LEAST_TIMEOUT_S)),
                )
            self.walk(order, replicate)
            budget.record(Like(_WALK), time.monotonic() - begin_s)
            self._look()
            if self.closed.reached:
                self.stopped_because = f"what stays unexplained is known within {LEAST:.2f} to {MOST:.2f}"
                return
        self.stopped_because = f"it has its {settings.replicates} walk{'s' * (settings.replicates != 1)}"

    def _look(self) -> None:
        """See how the walks so far close."""
        so_far = closing(pd.DataFrame([asdict(change) for change in self.changes]))
        self.closed.record(so_far)
        self.observer.walk_done(so_far)

    def walk(self, order: list[str], replicate: int) -> None:
        """Measure all programs of a walk, those beside it too, and say what each change did."""
        a, b = self.ends
        legs = [*walk(a, b, order), *self.beside]
        programs = tuple(dict.fromkeys([a, b, *(leg.after for leg in legs)]))
        match = Match(
            # Whoever comes last sits twice.
            contenders=(*programs, self.ends[(replicate + 1) % len(self.ends)]),
            replicate=replicate,
            walk=_WALK,
            shared=len(self.ends),
        )
        started_at, begin_s = datetime.now(UTC), time.monotonic()
        ratios = Ratios(run_and_keep(match, self.conditions, self.observer, self.known, self.keep))
        wall_s = time.monotonic() - begin_s
        seats = [(programs.index(leg.before), programs.index(leg.after)) for leg in legs]
        again = match.seats[-1]
        whole = (again, 1) if match.contenders[again] == a else (0, again)
        seated = zip([Leg(name=WHOLE, before=a, after=b), *legs], [whole, *seats], strict=True)
        for place, (leg, (before, after)) in enumerate(seated):
            measured = _measured(ratios, before, after)
            change = self._change(leg, place, match, measured, started_at=started_at, wall_s=wall_s)
            self.changes.append(change)
            self.save_change(change)
            self.observer.change_done(change, done=place + 1, legs=len(legs) + 1)

    def _change(
        self,
        leg: Leg,
        place: int,
        match: Match,
        measured: dict[str, Any],
        *,
        started_at: datetime,
        wall_s: float,
    ) -> Change:
        """What a leg of the walk did: what it is, and what was `measured` of it."""
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
            wall_s=wall_s,
            **measured,
        )

    def keep(self, trials: tuple[Trial, ...]) -> None:
        if trials:
            self.save(trials)
            self.tally.count(trials)
        for trial in trials:
            self.observer.trial_done(trial)


def _measured(ratios: Ratios, before_seat: int, after_seat: int) -> dict[str, Any]:
    """What the trials of two seats say of a change, in the words of `found.Change`."""
    after, before = ratios.trials(after_seat, before_seat)
    failure = before.failure or after.failure
    train, evaluate = (ratios.log_ratio(after_seat, before_seat, phase) for phase in Phase)
    return {
        "train_ratio": None if train is None else math.exp(train),
        "eval_ratio": None if evaluate is None else math.exp(evaluate),
        "train_samples_per_s_before": _speed(before),
        "train_samples_per_s_after": _speed(after),
        "accuracy_before": _accuracy(before),
        "accuracy_after": _accuracy(after),
        "failure_reason": failure.reason if failure else None,
        "parts": ratios.parts,
        "turns": ratios.turns(after_seat, before_seat),
        "turn_error": ratios.turn_error(after_seat, before_seat),
    }


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
