"""Measure a plan until it is known well enough; each trial is on disk before the next match begins."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, Protocol

from harness.analysis.statistics import MIN_REPLICATES, Judgement, judge
from harness.engine import choosing
from harness.engine.conditions import Conditions
from harness.engine.ending import Outcome, Tally, ended
from harness.engine.foresight import Need, verdict_need, width_need
from harness.engine.forking import ForkServers
from harness.engine.known import Known
from harness.engine.playing import COMPARING, Interrupted, Observer, run_match
from harness.engine.ratios import Ratios
from harness.engine.stopping import Budget, Like, Target
from harness.errors import OutOfMemory
from harness.measure import scratch
from harness.settings.grid import Match, Plan
from harness.settings.lineup import Lineup, pilot, seats_needed
from harness.work.contender import Contender
from harness.work.records import Certification, Role, Trial
from harness.work.workload import USUAL, Case

# Certifies contenders: for each case's id and framework what its trials are stored under.
Prove = Callable[[Sequence[Contender]], Mapping[tuple[str, str], Certification]]

# A proof is taken to last as long as so many seats of a match.
_SEATS_A_PROOF: Final = 2

# What is asked beside the usual loops where all ways meet.
_AT_BEST: Final = "at best"


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
    save: Callable[[Trial], None],
    observer: RunObserver,
    prove: Prove | None = None,
) -> Outcome:
    """Run the plan's matches until it is used up, precise enough or out of time; a trial is saved as it ends.

    It also ends, with what it has, when it is interrupted and when a trial cannot be stored. With `prove`,
    which certifies contenders, all ways of the usual loops meet in the time that is left then.

    `certificates` maps each case's id and framework to what its trials are stored under. Unless a mismatch is
    allowed, a case whose certificate does not hold is here for its memory ran out in the proof: it is tried
    once.
    """
    with scratch.folder() as cache:
        conditions = Conditions.of(
            plan.settings,
            run_id=run_id,
            data_root=data_root,
            logs=logs,
            compile_cache=cache,
            certificates=certificates,
            servers=servers,
        )
        return _Run(plan, conditions, save, observer, prove).outcome()


class _Run:
    """A run in progress: what is known so far, and what that leaves to do."""

    def __init__(
        self,
        plan: Plan,
        conditions: Conditions,
        save: Callable[[Trial], None],
        observer: RunObserver,
        prove: Prove | None,
    ) -> None:
        self._plan = plan
        self._prove = prove
        self._conditions = conditions
        self._save = save
        self._observer = observer
        self._budget = Budget(plan.settings.budget_s)
        self._target = Target(plan.settings.within)
        self._known = Known()
        self._given_up: set[str] = set()
        self._tally = Tally()
        self._out_of_time = False
        self._lineups: dict[Case, Lineup] = {}
        # The kind of the matches that tell each case's speed.
        self._kinds = {case: case.id for case in plan.cases}
        self._foreseen: set[float | None] = set()

    def outcome(self) -> Outcome:
        return ended(self._measure_all, self._because, self._tally)

    def _measure_all(self) -> None:
        if self._plan.best:
            self._choose(self._plan.cases)
        self._play(list(self._plan.matches(MIN_REPLICATES, self._match_of if self._plan.best else None)))
        if self._prove is not None and not self._out_of_time:
            self._let_ways_meet(self._prove)

    def _play(self, matches: Sequence[Match]) -> None:
        for number, match in enumerate(matches):
            if not self._wanted(match):
                continue
            late = match.role is Role.LEARNING and self._budget.is_spent
            if late or not self._budget.allows(_like(match)):
                self._out_of_time = True
                continue
            to_come = [_like(one) for one in matches[number:] if self._wanted(one)]
            self._observer.match_began(
                match, spent_s=self._budget.spent_s, left_s=self._budget.time_left_s(to_come)
            )
            self._measure(match)
            self._foresee(matches[number + 1 :])

    def _foresee(self, to_come: Sequence[Match]) -> None:
        """Tell, as soon as can be told, that time is too short for verdicts, or to know as well as wanted."""
        fitting, budget = self._fitting(), self._budget
        told = self._foreseen >= {None, self._target.within}
        if told or self._plan.settings.replicates < MIN_REPLICATES or not fitting:
            return
        to_come = [one for one in to_come if self._wanted(one)]
        judged = [one.role in COMPARING and one.replicate < MIN_REPLICATES for one in to_come]
        before = len(judged) - judged[::-1].index(True) if any(judged) else 0
        verdicts = verdict_need(
            budget, len(fitting), MIN_REPLICATES, [_like(one) for one in to_come[:before]]
        )
        for need in (verdicts, self._width_need()):
            if need is None or need.within in self._foreseen:
                continue
            self._foreseen.add(need.within)
            if need.needs_s > budget.budget_s:
                self._observer.falls_short(need, budget.budget_s)

    def _width_need(self) -> Need | None:
        """What it takes to know as well as wanted all that the run was asked, not what it asks beside."""
        asked = {self._kinds[case]: self._asked_first(case) for case in self._fitting()}
        return width_need(self._budget, self._target, asked)

    def _fitting(self) -> list[Case]:
        return [case for case in self._plan.cases if case.id not in self._given_up]

    def _asked_first(self, case: Case) -> list[str]:
        return self._asked(case) if self._plan.best else [case.id]

    def _let_ways_meet(self, prove: Prove) -> None:
        """Beside what was asked each framework at its best, in the cases that the time left will do for."""
        cases = self._affordable(self._plan.rivalled(MIN_REPLICATES), _SEATS_A_PROOF)
        rivals = [one for case in cases for one in self._plan.ways(case) if one.case.way != USUAL]
        if not rivals:
            return
        proven = prove(rivals)
        self._conditions = replace(self._conditions, certificates={**self._conditions.certificates, **proven})
        if not self._plan.settings.allow_mismatch:
            refused = (one for one in rivals if not proven[one.case.id, one.framework].holds)
            self._plan = replace(self._plan, refused=frozenset(refused))
        # What the proofs took is known now, and who is left as a rival.
        rivalled = [case for case in self._plan.rivalled(MIN_REPLICATES) if case in cases]
        cases = self._affordable(rivalled, 0)
        self._choose(cases)
        self._play(list(self._plan.matches_of_ways(cases, self._match_of)))

    def _affordable(self, cases: Sequence[Case], seats_a_proof: int) -> list[Case]:
        """As many of these cases, in their order, as the time left should do for."""
        loops, left_s, found = len(self._plan.settings.frameworks), self._budget.left_s, []
        for case in cases:
            ways = len(self._plan.ways(case))
            seats = seats_needed(ways, loops, MIN_REPLICATES) + seats_a_proof * (ways - loops)
            needed_s = seats * (self._budget.longest_s(Like(case.id, loops)) or 0.0) / loops
            if case.id not in self._given_up and 0 < needed_s <= left_s:
                found.append(case)
                left_s -= needed_s
        return found

    def _choose(self, cases: Sequence[Case]) -> None:
        """Have a pilot find who sits in the matches of each case."""
        conditions = choosing.short(self._conditions)
        for case in cases:
            match = pilot(self._plan.ways(case), len(self._plan.settings.frameworks))
            self._observer.match_began(match, spent_s=self._budget.spent_s, left_s=None)
            trials = self._played(match, conditions)
            self._lineups[case] = choosing.chosen(match, trials)

    def _match_of(self, case: Case, replicate: int) -> Match:
        return self._lineups[case].match(replicate)

    def _wanted(self, match: Match) -> bool:
        """A case until it is precise enough or known not to fit, the control as long as any is wanted.

        How fast a case is says nothing about what is learned.
        """
        if match.role is Role.LEARNING:
            return match.case.id not in self._given_up
        cases = self._plan.cases if match.role is Role.CONTROL else [match.case]
        return not all(self._settled(case) for case in cases)

    def _settled(self, case: Case) -> bool:
        """Whether no more is to be learned of a case."""
        return case.id in self._given_up or all(map(self._target.reached, self._asked(case)))

    def _asked(self, case: Case) -> list[str]:
        """What of a case has to be known well enough: what is written alike, and where ways meet the best."""
        return [case.id, f"{case.id} {_AT_BEST}"] if case in self._lineups else [case.id]

    def _measure(self, match: Match) -> None:
        begin_s = time.monotonic()
        trials = self._played(match, self._conditions)
        took_s = time.monotonic() - begin_s
        self._budget.record(_like(match), took_s)
        if match.role is Role.LEARNING:
            return
        if self._plan.best and match.role is Role.WAYS:
            self._kinds[match.case] = match.kind
        if self._is_too_large(match, trials):
            self._given_up.add(match.case.id)
        measured = Ratios(trials)
        if match.chosen:
            one, other = match.chosen
            at_best = measured.log_ratio(one, other)
            if at_best is not None:
                self._target.record(f"{match.case.id} {_AT_BEST}", at_best)
        log_ratio = measured.log_ratio(0, 1)
        if log_ratio is not None:
            name = match.kind if match.role is Role.CONTROL else match.case.id
            self._target.record(name, log_ratio)
            self._known.look(match.kind, trials, took_s)
            self._observer.judged(match, judge(self._target.log_ratios(name)))

    def _played(self, match: Match, conditions: Conditions) -> tuple[Trial, ...]:
        """The trials of a match, each on disk, also where it was interrupted."""
        try:
            trials = run_match(match, conditions, self._observer, self._known)
        except Interrupted as interrupted:
            self._keep(interrupted.trials)
            raise
        self._keep(trials)
        return trials

    def _is_too_large(self, match: Match, trials: tuple[Trial, ...]) -> bool:
        """Whether memory ran out in a match before any was whole, or already in the case's proof.

        Another match would end the same way, or be as little worth without a certificate as this one.
        """
        if match.role is Role.CONTROL:
            return False
        proofs = [proof for (of, _), proof in self._conditions.certificates.items() if of == match.case.id]
        if not all(proof.holds for proof in proofs) and not self._plan.settings.allow_mismatch:
            return True
        lacked = any(trial.failure and trial.failure.kind == OutOfMemory.kind for trial in trials)
        return lacked and not self._target.log_ratios(match.case.id)

    def _keep(self, trials: tuple[Trial, ...]) -> None:
        for trial in trials:
            self._save(trial)
            self._tally.count(trial)
            self._observer.trial_done(trial)

    def _because(self) -> str:
        settings, cases = self._plan.settings, self._plan.cases
        if not cases:
            return "no case had a certificate that holds"
        fitting = self._fitting()
        if not fitting:
            return "every case ran out of memory"
        asked = map(self._asked_first, fitting)
        precise = sum(all(map(self._target.reached, names)) for names in asked)
        target = f"known within {100 * settings.within:g} %"
        every = "every case" if len(fitting) == len(cases) else "every case that fits into memory"
        if precise == len(fitting):
            return f"{every} is {target}{self._beside()}"
        if self._out_of_time:
            because = f"the time budget of {settings.budget_s:g} s was spent"
        else:
            because = f"{every} has its {settings.replicates} replicate{'s' * (settings.replicates != 1)}"
        if settings.replicates < MIN_REPLICATES:
            return because
        need = self._width_need()
        takes = (
            f": that takes about {need.replicates} replicates, {need.needs_s / 60:.3g} min" if need else ""
        )
        return f"{because}; {precise} of {len(cases)} case{'s' * (len(cases) != 1)} {target}{takes}"

    def _beside(self) -> str:
        """What is to be said, of each at its best, of a run that was asked something else."""
        if self._plan.best or self._prove is None:
            return ""
        if not self._lineups and self._plan.rivalled(MIN_REPLICATES):
            return "; too little of the budget was left to ask how fast each is at its best"
        known = all(self._settled(case) for case in self._lineups)
        return "" if known else "; how fast each is at its best is not"


def _like(match: Match) -> Like:
    return Like(match.kind, len(match.contenders))
