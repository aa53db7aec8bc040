"""Measure a plan until it is known well enough; each match is on disk before the next one begins."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, Protocol

from harness.analysis.statistics import MIN_REPLICATES, Judgement
from harness.engine import choosing
from harness.engine.certified import Certified, Prove
from harness.engine.conditions import Conditions
from harness.engine.earlier import Earlier, Nothing
from harness.engine.ending import Outcome, ended
from harness.engine.fitting import Corrected, Estimates
from harness.engine.foresight import Need
from harness.engine.forking import ForkServers
from harness.engine.playing import Observer, run_and_keep
from harness.engine.seat import Seat
from harness.engine.standing import Standing, alike
from harness.engine.stopping import Like, like
from harness.measure import scratch
from harness.settings.grid import Plan
from harness.settings.lineup import pilot, seats_needed
from harness.settings.matches import Match, between
from harness.work.records import SKIPPED, TOO_LARGE, UNABLE, Certification, Role, Trial
from harness.work.workload import USUAL, Case

# A proof is taken to last as long as so many seats of a match.
_SEATS_A_PROOF: Final = 2


class RunObserver(Observer, Protocol):
    """Who is told how a run goes on, and what it says so far."""

    def judged(self, match: Match, so_far: Judgement) -> None:
        """What all replicates so far say of the first contender's speed over the second's."""

    def falls_short(self, need: Need, budget_s: float) -> None:
        """The budget will not do for what the run needs; each need is told once."""


def measure(
    plan: Plan,
    *,
    run_id: str,
    data_root: Path,
    logs: Path,
    certificates: Mapping[tuple[str, str], Certification],
    servers: ForkServers,
    save: Callable[[Sequence[Trial]], None],
    observer: RunObserver,
    prove: Prove | None = None,
    earlier: Earlier | None = None,
    estimates: Estimates | None = None,
) -> Outcome:
    """Run the plan's matches until it is used up, precise enough or out of time; each is saved as it ends.

    It also ends, with what it has, when it is interrupted and when a trial cannot be stored. With `prove`,
    which certifies contenders, those that have no certificate yet are given one before the first match of any
    of them that there is time for, off the budget, and all ways of the usual loops meet in the time that is
    left in the end. Matches that `earlier` sittings have left are not measured again; what they took and said
    counts as if they had been.

    Cases that do not fit, and those for whose first match there was no time by the `estimates`, have a row
    each that says so.

    `certificates` maps each case's id and framework to what its trials are stored under. Unless a mismatch is
    allowed, a case whose certificate does not hold is here for its memory ran out in the proof: it is tried
    once.
    """
    with scratch.folder() as cache:
        certified = Certified(plan, certificates, prove)
        conditions = Conditions.of(
            plan.settings,
            run_id=run_id,
            data_root=data_root,
            logs=logs,
            compile_cache=cache,
            certificates=certified.held,
            servers=servers,
        )
        run = _Run(
            plan,
            conditions,
            save,
            observer,
            certified=certified,
            earlier=earlier or Nothing(),
            corrected=Corrected(estimates),
        )
        return run.outcome()


class _Run:
    """A run in progress: does what is wanted, and keeps what comes of it."""

    def __init__(
        self,
        plan: Plan,
        conditions: Conditions,
        save: Callable[[Sequence[Trial]], None],
        observer: RunObserver,
        *,
        certified: Certified,
        earlier: Earlier,
        corrected: Corrected,
    ) -> None:
        self._certified = certified
        self._corrected = corrected
        self._conditions = conditions
        self._save = save
        self._observer = observer
        self._earlier = earlier
        self._standing = Standing(plan, spent_s=earlier.spent_s, tally=earlier.tally())
        self._foreseen: set[float | None] = set()
        self._skipped: set[str] = set()

    @property
    def _plan(self) -> Plan:
        return self._standing.plan

    def outcome(self) -> Outcome:
        asks_beside = self._certified.proves and not self._plan.best
        return ended(
            self._measure_all,
            lambda: self._standing.because(asks_beside=asks_beside),
            self._standing.tally,
        )

    def _measure_all(self) -> None:
        for case, why in self._plan.unfit:
            self._leave_out(case, TOO_LARGE, why)
        for case, why in self._plan.unable:
            self._leave_out(case, UNABLE, why)
        self._measure_what_fits()
        for case in self._dealt:
            if case.id not in self._standing.tried and self._standing.can_be_measured(case):
                budget_s = self._plan.settings.budget_s
                self._leave_out(case, SKIPPED, f"too little of the budget of {budget_s:g} s was left for it")

    @property
    def _dealt(self) -> list[Case]:
        """The cases of which this run has matches: of some a shard may have none."""
        cases = list(self._plan.cases)
        if self._plan.shard is None:
            return cases
        asked = {match.case.id for match in self._plan.matches(MIN_REPLICATES)}
        return [case for case in cases if case.id in asked]

    def _measure_what_fits(self) -> None:
        if self._plan.best:
            self._choose(self._plan.cases)
        self._play(list(self._plan.matches(MIN_REPLICATES, self._match_of if self._plan.best else None)))
        if self._certified.proves and not self._standing.out_of_time:
            self._let_ways_meet()

    def _play(self, matches: Sequence[Match]) -> None:
        standing, budget = self._standing, self._standing.budget
        # A plan of thousands is not looked through before each of its matches.
        ahead = Counter(map(alike, matches))
        # An earlier sitting came past all matches until then, and had what they needed proven.
        past = max((number for number, one in enumerate(matches) if self._earlier.took_s(one)), default=-1)
        for number, planned in enumerate(matches):
            ahead[alike(planned)] -= 1
            match = standing.trimmed(planned)
            if not standing.wanted(match):
                self._skip(match)
                continue
            late = match.role is Role.LEARNING and budget.is_spent
            in_time = not late and budget.allows(like(match), self._first_s(match))
            if self._certified.lacks(match) and (in_time or number <= past):
                with budget.stopped():
                    standing.refuse(self._certified.prove_rest())
                if not standing.wanted(match):
                    continue
            if trials := self._earlier.trials(match):
                self._recall(match, trials)
                continue
            if not in_time:
                standing.out_of_time = True
                continue
            left_s = budget.time_left_s(standing.to_come(match, ahead))
            self._observer.match_began(match, spent_s=budget.spent_s, left_s=left_s)
            self._measure(match)
            self._foresee(matches[number + 1 :])

    def _first_s(self, match: Match) -> float | None:
        """What a match should take if it is the first of its kind."""
        expected_s = self._standing.expected_s(match)
        return self._corrected.match_s(match) if expected_s is None else expected_s

    def _leave_out(self, case: Case, kind: str, why: str) -> None:
        """Put on record that a case was asked for and is not measured."""
        match = between(case, 0, self._plan.settings.frameworks)
        if trials := self._earlier.trials(match):
            self._standing.count(trials)
        else:
            self._keep(self._failed(match, kind, why))

    def _failed(self, match: Match, kind: str, why: str) -> tuple[Trial, ...]:
        """The trials of a match that is not begun."""
        seats = [Seat(number, match, self._conditions) for number in match.seats]
        for seat in seats:
            seat.fail(kind, why)
        return tuple(seat.trial() for seat in seats)

    def _skip(self, match: Match) -> None:
        """Put on record, once a kind, that a match is not measured as one of its contenders always fails."""
        why = self._standing.lacking(match)
        if why is None or match.kind in self._skipped:
            return
        self._skipped.add(match.kind)
        if trials := self._earlier.trials(match):
            self._standing.count(trials)
            return
        self._keep(self._failed(match, SKIPPED, why))

    def _foresee(self, to_come: Sequence[Match]) -> None:
        """Tell, as soon as can be told, that time is too short for verdicts, or to know as well as wanted."""
        budget_s = self._standing.budget.budget_s
        for need in self._standing.needs(to_come, self._foreseen):
            self._foreseen.add(need.within)
            if need.needs_s > budget_s:
                self._observer.falls_short(need, budget_s)

    def _let_ways_meet(self) -> None:
        """Beside what was asked each framework at its best, in the cases that the time left will do for."""
        cases = self._affordable(self._plan.rivalled(MIN_REPLICATES), _SEATS_A_PROOF)
        rivals = [one for case in cases for one in self._plan.ways(case) if one.case.way != USUAL]
        if not rivals:
            return
        self._standing.plan = replace(self._plan, refused=self._certified.prove(rivals))
        # What the proofs took is known now, and who is left as a rival.
        rivalled = [case for case in self._plan.rivalled(MIN_REPLICATES) if case in cases]
        cases = self._affordable(rivalled, 0)
        self._choose(cases)
        self._play(list(self._plan.matches_of_ways(cases, self._match_of)))

    def _affordable(self, cases: Sequence[Case], seats_a_proof: int) -> list[Case]:
        """As many of these cases, in their order, as the time left should do for, or that have been begun."""
        budget, loops = self._standing.budget, len(self._plan.settings.frameworks)
        left_s, found = budget.left_s, []
        for case in cases:
            ways = len(self._plan.ways(case))
            seats = seats_needed(ways, loops, MIN_REPLICATES) + seats_a_proof * (ways - loops)
            needed_s = seats * (budget.longest_s(Like(case.id, loops)) or 0.0) / loops
            # Who sat in its pilot is not known before the proofs.
            begun = self._earlier.took_s(self._pilot(case)) > 0
            if self._standing.can_be_measured(case) and (begun or 0 < needed_s <= left_s):
                found.append(case)
                left_s -= needed_s
        return found

    def _choose(self, cases: Sequence[Case]) -> None:
        """Have a pilot find who sits in the matches of each case."""
        conditions, standing = choosing.short(self._conditions), self._standing
        for case in cases:
            match = self._pilot(case)
            trials = self._earlier.trials(match)
            standing.count(trials)
            if not trials:
                self._observer.match_began(match, spent_s=standing.budget.spent_s, left_s=None)
                trials = self._played(match, conditions)
            standing.lineups[case] = choosing.chosen(match, trials)

    def _pilot(self, case: Case) -> Match:
        return pilot(self._plan.ways(case), len(self._plan.settings.frameworks))

    def _match_of(self, case: Case, replicate: int) -> Match:
        return self._standing.lineups[case].match(replicate)

    def _measure(self, match: Match) -> None:
        begin_s = time.monotonic()
        trials = self._played(match, self._conditions)
        took_s = time.monotonic() - begin_s
        self._corrected.compare(match, took_s)
        unproven = self._certified.is_unproven(match.case.id)
        told = self._standing.learn(match, trials, took_s, unproven=unproven)
        for seats, name in told.items():
            self._observer.judged(match.led_by(*seats), self._standing.judged(name))

    def _recall(self, match: Match, trials: tuple[Trial, ...]) -> None:
        """Know of a match what it has shown in an earlier sitting."""
        standing, took_s = self._standing, self._earlier.took_s(match)
        standing.count(trials)
        standing.known.recall(match, trials)
        self._corrected.compare(match, took_s)
        standing.learn(match, trials, took_s, unproven=self._certified.is_unproven(match.case.id))

    def _played(self, match: Match, conditions: Conditions) -> tuple[Trial, ...]:
        """The trials of a match, each on disk."""
        return run_and_keep(match, conditions, self._observer, self._standing.known, self._keep)

    def _keep(self, trials: tuple[Trial, ...]) -> None:
        if trials:
            self._save(trials)
        self._standing.count(trials)
        for trial in trials:
            self._observer.trial_done(trial)
