"""What a run knows so far, and what that leaves to do: what is wanted still, what it takes, why it ended."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Final

from harness.analysis.statistics import MIN_REPLICATES, Judgement, judge
from harness.engine.foresight import Need, verdict_need, width_need
from harness.engine.known import Known, Seats, training_s
from harness.engine.playing import COMPARING
from harness.engine.ratios import Ratios
from harness.engine.stopping import Budget, Like, Target, like
from harness.errors import OutOfMemory
from harness.measure import host
from harness.settings.grid import Plan
from harness.settings.lineup import Lineup
from harness.settings.matches import Match, between
from harness.work.durations import duration
from harness.work.records import INTERRUPTED, SKIPPED, TOO_LARGE, UNABLE, Role, Trial
from harness.work.tally import Tally
from harness.work.workload import USUAL, Case

# What is asked beside the usual loops where all ways meet.
_AT_BEST: Final = "at best"

# Failures that are no reason to set anybody aside: nobody's, and that of a case which is tried once anyhow.
_NO_REASON: Final = frozenset({INTERRUPTED, SKIPPED, TOO_LARGE, UNABLE, OutOfMemory.kind})

# A contender that has failed so often and never finished is not tried again.
_MOST_FAILURES: Final = 3


class Standing:
    """How a run stands; told of every match, measured now or in an earlier sitting, in the same order."""

    def __init__(self, plan: Plan, *, spent_s: float, tally: Tally) -> None:
        self.plan = plan
        self.budget = Budget(plan.settings.budget_s, spent_s=spent_s)
        self.known = Known()
        self.tally = tally
        self.lineups: dict[Case, Lineup] = {}
        self.out_of_time = False
        # What ran out of memory, a case or a control, and contenders that always fail with their last words.
        self.too_large: set[str] = set()
        self.set_aside: dict[str, str] = {}
        self.tried: set[str] = set()
        self._refused: set[str] = set()
        self._target = Target(plan.settings.within)
        self._failures: Counter[str] = Counter()
        self._finished: set[str] = set()
        # What a whole training of each case takes, by what its trials said of their speed, and what a match
        # takes beside its turns.
        self._training_s: dict[str, tuple[float, float]] = {}
        # The kind of the matches that tell each case's speed.
        self._kinds = {case: case.id for case in plan.cases}

    def count(self, trials: Sequence[Trial]) -> None:
        """Count the trials of a match, and set aside a contender that has only ever failed."""
        failed = {}
        if trials:
            self.tally.count(trials)
        for trial in trials:
            self.tried.add(trial.case.id)
            if trial.failure is None:
                self._finished.add(trial.contender.id)
            elif trial.failure.kind not in _NO_REASON and trial.role is not Role.PILOT:
                failed[trial.contender.id] = f"{trial.failure.kind}: {trial.failure.reason}"
        self._failures.update(failed.keys())
        for name, said in failed.items():
            if self._failures[name] >= _MOST_FAILURES and name not in self._finished:
                self.set_aside.setdefault(name, said)

    def refuse(self, cases: Collection[str]) -> None:
        """Leave out cases, by their ids, as contenders of theirs do other work: nothing of them is wanted."""
        self._refused.update(cases)
        kept = tuple(case for case in self.plan.cases if case.id not in self._refused)
        self.plan = replace(self.plan, cases=kept)

    def learn(
        self, match: Match, trials: Sequence[Trial], took_s: float, *, unproven: bool
    ) -> dict[Seats, str]:
        """Know what a match took and said; by their seats the names under which its ratios are judged.

        `unproven` says that a certificate of its case does not hold, nor is that allowed.
        """
        self.budget.record(like(match), took_s)
        if match.role is Role.LEARNING:
            return {}
        if whole_s := training_s(match.case, trials):
            # Starts, warm-up and proofs: a whole training has them, too.
            turns_s = sum(turn.wall_s for trial in trials for turn in trial.rounds)
            self._training_s[match.case.id] = whole_s, max(took_s - turns_s, 0.0)
        if self.plan.best and match.role is Role.WAYS:
            self._kinds[match.case] = match.kind
        if (unproven and match.role is not Role.CONTROL) or self._lacked_memory(match, trials):
            self.too_large.add(_told_under(match))
        if match.role is Role.SCALING:
            self.known.look(match.kind, trials, took_s)
            return {}
        measured = Ratios(trials)
        best = zip(combinations(match.chosen, 2), self._names(f"{match.case.id} {_AT_BEST}"), strict=False)
        self._record(measured, dict(best))
        told = self._record(measured, self._ratios_of(match))
        if told:
            self.known.look(match.kind, trials, took_s, told)
        return told

    def _record(self, measured: Ratios, names: Mapping[Seats, str]) -> dict[Seats, str]:
        """Tell the target the ratios of these seats under their names; those that there are.

        No verdict is of two that memory set apart: they took no turns with each other.
        """
        told = {}
        for seats, name in names.items():
            one, other = measured.trials(*seats)
            log_ratio = measured.log_ratio(*seats)
            if log_ratio is not None and one.part == other.part:
                self._target.record(name, log_ratio)
                told[seats] = name
        return told

    def expected_s(self, match: Match) -> float | None:
        """What a match of a new kind should take, by what others of its case said; None where none has."""
        known = self._training_s.get(match.case.id)
        if match.role is not Role.LEARNING or known is None:
            return None
        whole_s, beside_s = known
        at_once = max(1, host.usable_cores() // self.plan.settings.threads)
        turns = math.ceil(len(match.contenders) / at_once)
        return turns * whole_s + beside_s

    def _lacked_memory(self, match: Match, trials: Sequence[Trial]) -> bool:
        """Whether memory ran out in a case before any match of it was whole: so another would end, too."""
        lacked = any(trial.failure and trial.failure.kind == OutOfMemory.kind for trial in trials)
        return lacked and not all(map(self._target.log_ratios, self._ratios_of(match).values()))

    def judged(self, name: str) -> Judgement:
        """What all replicates so far say of what is judged under a name (`learn`)."""
        return judge(self._target.log_ratios(name))

    def trimmed(self, match: Match) -> Match:
        """A match of all ways without those set aside that are neither a usual loop nor chosen."""
        if match.role is not Role.WAYS:
            return match
        kept = [
            one
            for seat, one in enumerate(match.contenders)
            if one.case.way == USUAL or seat in match.chosen or one.id not in self.set_aside
        ]
        if len(kept) == len(match.contenders):
            return match
        return replace(match, contenders=tuple(kept), shared=min(match.shared, len(kept) - 1))

    def lacking(self, match: Match) -> str | None:
        """Why a match cannot be whole: one of its contenders was set aside."""
        gone = [one.id for one in match.contenders if one.id in self.set_aside]
        if not gone:
            return None
        said = self.set_aside[gone[0]]
        return f"{gone[0]} failed {_MOST_FAILURES} times, never finished, and was set aside ({said})"

    def wanted(self, match: Match) -> bool:
        """A case until it is precise enough or cannot be measured, what it learns whatever its speed.

        The control as long as any case is wanted, and until it can be judged itself. One worker beside
        several as long as a case of theirs is, and until there is an interval.
        """
        if self.lacking(match):
            return False
        if match.role is Role.LEARNING:
            return self.can_be_measured(match.case)
        if match.role is Role.SCALING:
            cases = {one.case for one in match.contenders}
            wanted = match.replicate < MIN_REPLICATES or not all(map(self._settled, cases))
            return wanted and match.kind not in self.too_large and all(map(self.can_be_measured, cases))
        if match.role is not Role.CONTROL:
            return not self._settled(match.case)
        return not all(map(self._settled, self.plan.cases)) or self._leaves_control_open(match)

    def to_come(self, match: Match, ahead: Mapping[Match, int]) -> Counter[Like]:
        """This match and those ahead of it that are wanted, so many of each that is `alike`."""
        found = Counter([like(match)])
        for one, times in ahead.items():
            if times and self.wanted(one):
                found[like(one)] += times
        return found

    def _leaves_control_open(self, match: Match) -> bool:
        """Whether cases can be called by now, and the control has too few replicates for that."""
        told = len(self._target.log_ratios(match.kind))
        judges = self.plan.settings.replicates >= MIN_REPLICATES and bool(self._measurable())
        return judges and told < MIN_REPLICATES and match.kind not in self.too_large

    def can_be_measured(self, case: Case) -> bool:
        """Whether it was not refused, fits into memory, and none of its usual loops always fails."""
        loops = between(case, 0, self.plan.settings.frameworks)
        return case.id not in self.too_large | self._refused and self.lacking(loops) is None

    def _settled(self, case: Case) -> bool:
        """Whether no more is to be learned of a case; how well all hosts know it, none of them can tell."""
        known = self.plan.shard is None and all(map(self._target.reached, self._asked(case)))
        return known or not self.can_be_measured(case)

    def _asked(self, case: Case) -> list[str]:
        """What of a case has to be known well enough: what is written alike, and where ways meet the best."""
        beside = self._names(f"{case.id} {_AT_BEST}") if case in self.lineups else []
        return [*self._names(case.id), *beside]

    def _asked_first(self, case: Case) -> list[str]:
        return self._asked(case) if self.plan.best else self._names(case.id)

    def _names(self, asked: str) -> list[str]:
        """The names of what is asked of every two frameworks, in their order; the first is `asked` alone."""
        frameworks = self.plan.settings.frameworks
        others = [f"{asked} {one} over {other}" for one, other in combinations(frameworks, 2)][1:]
        return [asked, *others]

    def _ratios_of(self, match: Match) -> dict[Seats, str]:
        """The names under which a match's ratios are known: of every two usual loops, which sit first."""
        if match.role is Role.CONTROL:
            return {(0, 1): _told_under(match)}
        loops = range(len(self.plan.settings.frameworks))
        return dict(zip(combinations(loops, 2), self._names(_told_under(match)), strict=True))

    def _measurable(self) -> list[Case]:
        return [case for case in self.plan.cases if self.can_be_measured(case)]

    def needs(self, to_come: Sequence[Match], told: Collection[float | None]) -> list[Need]:
        """What verdicts take, and to know as well as wanted, as far as can be told and was not yet."""
        cases = self._measurable()
        if (
            self.plan.settings.replicates < MIN_REPLICATES
            or self.plan.shard is not None
            or not cases
            or {None, self._target.within} <= set(told)
        ):
            return []
        wanted = [one for one in to_come if self.wanted(one)]
        judged = [one.role in COMPARING and one.replicate < MIN_REPLICATES for one in wanted]
        before = len(judged) - judged[::-1].index(True) if any(judged) else 0
        verdicts = verdict_need(
            self.budget, len(cases), MIN_REPLICATES, [like(one) for one in wanted[:before]]
        )
        return [one for one in (verdicts, self._width_need()) if one is not None and one.within not in told]

    def _width_need(self) -> Need | None:
        """What it takes to know as well as wanted all that the run was asked, not what it asks beside."""
        asked = {self._kinds[case]: self._asked_first(case) for case in self._measurable()}
        return width_need(self.budget, self._target, asked)

    def because(self, *, asks_beside: bool) -> str:
        """Why the run has ended; `asks_beside` says whether it asks of each framework at its best, too."""
        aside = "".join(f"; {name} was set aside ({said})" for name, said in self.set_aside.items())
        return f"{self._ended(asks_beside=asks_beside)}{aside}"

    def _ended(self, *, asks_beside: bool) -> str:
        settings, cases, fitting = self.plan.settings, self.plan.cases, self._measurable()
        if not cases:
            left_out = self.plan.unfit or self.plan.unable
            return "no case fits" if left_out else "no case had a certificate that holds"
        if not fitting:
            return "no case could be measured" if self.set_aside else "every case ran out of memory"
        if self.plan.shard is not None:
            spent = f"the time budget of {settings.budget_s:g} s was spent"
            return spent if self.out_of_time else "every match of the shard was measured"
        precise = sum(all(map(self._target.reached, self._asked_first(case))) for case in fitting)
        target = f"known within {100 * settings.within:g} %"
        which = " that could be measured" if self.set_aside else " that fits into memory"
        every = f"every case{which * (len(fitting) < len(cases))}"
        if precise == len(fitting):
            return f"{every} is {target}{self._beside() if asks_beside else ''}"
        if self.out_of_time:
            because = f"the time budget of {settings.budget_s:g} s was spent"
        else:
            because = f"{every} has its {settings.replicates} replicate{'s' * (settings.replicates != 1)}"
        if settings.replicates < MIN_REPLICATES:
            return because
        need = self._width_need()
        takes = (
            f": that takes about {need.replicates} replicates, {duration(need.needs_s)}"
            f"{need.beyond(settings.replicates)}"
            if need
            else ""
        )
        return f"{because}; {precise} of {len(cases)} case{'s' * (len(cases) != 1)} {target}{takes}"

    def _beside(self) -> str:
        """What is to be said, of each at its best, of a run that was asked something else."""
        if not self.lineups and self.plan.rivalled(MIN_REPLICATES):
            return "; too little of the budget was left to ask how fast each is at its best"
        known = all(self._settled(case) for case in self.lineups)
        return "" if known else "; how fast each is at its best is not"


def _told_under(match: Match) -> str:
    """The name of what a match tells: matches of all ways tell of their case, too."""
    return match.kind if match.role in {Role.CONTROL, Role.SCALING} else match.case.id


def alike(match: Match) -> Match:
    """The match that stands for all that are `Standing.wanted` as long as this one is."""
    return replace(match, replicate=min(match.replicate, MIN_REPLICATES))
