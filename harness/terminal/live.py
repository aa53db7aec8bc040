"""What a run shows on the terminal: a live display, or a plain log where there is no terminal.

The display is redrawn between timed rounds only. A thread that redraws while a round is timed would
take its processor time from the very thing that is measured.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from harness.analysis.statistics import MIN_REPLICATES, Judgement
from harness.analysis.verdicts import called
from harness.engine.foresight import Need
from harness.measure import host, load
from harness.parity.certificate import Certificate
from harness.report import words
from harness.sessions.resuming import Unfinished
from harness.settings.grid import Plan
from harness.settings.matches import Match
from harness.terminal.console import following, redraws
from harness.work.contender import Contender
from harness.work.durations import duration
from harness.work.found import Attempt
from harness.work.records import Role, Trial

# More processes that disturb than these are not named.
_MOST_OTHERS: Final = 3

# What a run does with the time that is left.
_THEN: Final = "; then, where time is left, each at its best"


class _Display:
    """A progress bar on the terminal while the block runs."""

    _progress: Progress

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()


class DataDisplay(_Display):
    """Shows files being found, fetched and verified; a `Reporter`."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or following()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            console=self._console,
            transient=True,
            disable=not redraws(self._console),
        )
        self._tasks: dict[str, TaskID] = {}

    def progress(self, step: str, done_bytes: int, total_bytes: int | None) -> None:
        if step not in self._tasks:
            self._tasks[step] = self._progress.add_task(escape(step), total=total_bytes)
        self._progress.update(self._tasks[step], completed=done_bytes, total=total_bytes)

    def notice(self, sentence: str) -> None:
        self._console.print(escape(sentence))


class _Proofs(_Display, ABC):
    """Follows certificates; a `ProofObserver`. Failures are said as they are found."""

    _console: Console
    _task: TaskID
    _done = _wanted = 0

    def proofs_begin(self, contenders: int) -> None:
        self._done, self._wanted = 0, contenders
        self._count()

    @abstractmethod
    def _count(self) -> None:
        """Show how many of the certificates are there."""

    def proof_began(self, contender: Contender) -> None:
        of = escape(f"{words.framework(contender.framework)}, {contender.case.id}")
        self._progress.update(self._task, description=f"proving {of}", refresh=True)
        if not redraws(self._console):
            self._console.print(f"proving that it does the case's work: {of}")

    def proof_done(self, certificate: Certificate, *, reused: bool) -> None:
        self._done += 1
        self._count()
        of = escape(f"{words.framework(certificate.framework)}, {certificate.case.id}")
        if certificate.first_failure is not None:
            found = certificate.first_failure
            self._console.print(
                f"[bold]certificate failed[/bold] {of}: {escape(found.check)}: {escape(found.sentence)}"
            )
        elif not redraws(self._console):
            source = "at hand" if reused else f"proven in {duration(certificate.wall_s)}"
            self._console.print(f"certificate holds ({source}): {of}")


class ProofDisplay(_Proofs):
    """Follows the certificates before a run."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or following()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[counted]}"),
            console=self._console,
            transient=True,
            disable=not redraws(self._console),
        )
        self._task = self._progress.add_task("certificates", total=None, counted="")

    def _count(self) -> None:
        counted = f"{self._done} of {self._wanted} certificates"
        self._progress.update(self._task, completed=self._done, total=self._wanted, counted=counted)


class RunDisplay(_Proofs):
    """Follows a run; an `Observer`, and a `ProofObserver` of what is proven in its course."""

    def __init__(
        self, plan: Plan, unfinished: Unfinished | None = None, console: Console | None = None
    ) -> None:
        self._console = console or following()
        self._unfinished = unfinished
        self._live = redraws(self._console)
        self._begin_s = time.monotonic()
        self._plan = plan
        self._said: dict[tuple[str, str, str], str] = {}
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[left]}"),
            console=self._console,
            auto_refresh=False,
            transient=True,
            disable=not self._live,
        )
        self._task = self._progress.add_task("starting", total=1.0, left="")

    def _count(self) -> None:
        # Where else the time left stands.
        left = f"{self._done} of {self._wanted} certificates"
        self._progress.update(self._task, left=left, refresh=True)

    def match_began(self, match: Match, *, spent_s: float, left_s: float | None) -> None:
        # All that is said has one clock: that of the budget, which earlier sittings and proofs have set.
        self._begin_s = time.monotonic() - spent_s
        name = _named(match)
        left = "estimating the time left" if left_s is None else f"about {duration(left_s)} left"
        share = 0.0 if left_s is None else spent_s / max(spent_s + left_s, 1e-9)
        if self._live:
            self._progress.update(self._task, description=escape(name), completed=share, left=left)
            self._progress.refresh()
        else:
            self._console.print(f"{duration(spent_s):>8}  {escape(name)} ({left})")

    def turn_done(self, match: Match, *, done: int, rounds: int) -> None:
        if self._live:
            step = "trained" if match.role is Role.LEARNING else "round"
            name = f"{_named(match)}, {step} {done}/{rounds}"
            self._progress.update(self._task, description=escape(name))
            self._progress.refresh()

    def trial_done(self, trial: Trial) -> None:
        if trial.failure is not None:
            self._console.print(
                f"[bold]failed[/bold] {escape(trial.framework)} {escape(trial.case.id)}: "
                f"{escape(trial.failure.kind)}: {escape(trial.failure.reason)}"
            )

    def judged(self, match: Match, so_far: Judgement) -> None:
        """Say a case's verdict when it is the first or another than before; it is not the last word."""
        interval = so_far.interval
        one, other = (contender.framework for contender in match.contenders[:2])
        asked = match.kind, one, other
        if match.role is Role.CONTROL or interval is None or self._said.get(asked) == so_far.verdict:
            return
        self._said[asked] = so_far.verdict
        reach = "" if interval.low is None else f" ({interval.low:.3f} to {interval.high:.3f})"
        self._console.print(
            f"{duration(time.monotonic() - self._begin_s):>8}  so far "
            f"[bold]{called(so_far.verdict, (one, other))}[/bold]: {escape(match.case.id)}: "
            f"{words.speed_over((one, other))} {interval.estimate:.3f}{reach}; "
            f"{escape(so_far.reason)}"
        )

    def falls_short(self, need: Need, budget_s: float) -> None:
        """Say before the time is spent for what it is too little."""
        each = words.plural(need.cases, "case")
        what = (
            f"a verdict in {each}" if need.within is None else f"{each} known within {100 * need.within:g} %"
        )
        self._console.print(
            f"{duration(time.monotonic() - self._begin_s):>8}  "
            f"the budget of {duration(budget_s)} is short: {what} takes about "
            f"{need.replicates} replicates each, {duration(need.needs_s)} in all"
            f"{need.beyond(self._plan.settings.replicates)}"
        )

    def __enter__(self) -> Self:
        self._console.print(self._opening())
        return super().__enter__()

    def _opening(self) -> str:
        settings, cases = self._plan.settings, words.plural(len(self._plan.cases), "case")
        threads = words.plural(settings.threads, "thread")
        there = "" if self._unfinished is None else _going_on(self._unfinished)
        return (
            f"{there}{cases} and a control, {threads}, at most "
            f"{words.plural(settings.replicates, 'replicate')} each, until known within "
            f"{100 * settings.within:g} % or {duration(settings.budget_s)} are spent"
            f"{_THEN if self._plan.rivalled(MIN_REPLICATES) else ''}"
        )


class CalibrationDisplay(RunDisplay):
    """Follows a calibration; a `CalibrationObserver`. What counts there is a try, not a match."""

    def _opening(self) -> str:
        settings = self._plan.settings
        cases = words.plural(len(self._plan.cases), "case")
        tries = words.plural(settings.tries, "try", "tries")
        planted = words.listed(map(words.asked_share, settings.planted))
        # They are tried by turns: with fewer tries than frameworks some have none.
        tried = words.listed(map(words.framework, settings.frameworks[: settings.tries]))
        return (
            f"{cases}, planted {planted}: {tries} each, of {tried}, every try {settings.replicates} matches "
            f"and {duration(settings.try_s)} of measuring a case, {words.plural(settings.threads, 'thread')}"
        )

    def match_began(self, match: Match, *, spent_s: float, left_s: float | None) -> None:
        pass

    def try_done(self, attempts: Sequence[Attempt], *, done: int, tries: int) -> None:
        elapsed_s = time.monotonic() - self._begin_s
        names = words.tried_apart(case.id for case in self._plan.cases)
        said = "; ".join(
            f"{' '.join(filter(None, (names[one.case_id], one.way)))}: {one.says} ({one.ratio:.3f})"
            for one in attempts
        )
        planted = (
            f"{words.asked_share(attempts[0].planted_share)} planted, {attempts[0].framework}: "
            if attempts
            else ""
        )
        left = duration(elapsed_s / done * (tries - done))
        self._console.print(f"try {done} of {tries} (about {left} left): {planted}{said or 'a trial failed'}")


def say(sentence: str) -> None:
    """Something the user should know before a command goes on."""
    following().print(escape(words.plain(sentence)), soft_wrap=True)


def say_load() -> None:
    """Who keeps the machine's cores busy beside what is to be measured; nothing where nobody does."""
    cores = words.plural(host.usable_cores(), "core")
    for one in load.others()[:_MOST_OTHERS]:
        say(
            f"a process of user {one.user} ({one.name}) takes {one.cores:.1f} of {cores}, which will disturb "
            "what is measured"
        )


def _going_on(unfinished: Unfinished) -> str:
    measured = unfinished.measured
    return (
        f"run {escape(unfinished.run_id)} goes on: {words.plural(measured.trials_done, 'trial')} of "
        f"{words.plural(measured.matches, 'match', 'matches')} are there, measured in "
        f"{duration(measured.spent_s)}\n"
    )


def _named(match: Match) -> str:
    """What goes on, in a few words: a whole training is from a seed, the others are replicates."""
    if match.role is Role.LEARNING:
        return f"{match.case.id}, what is learned, seed {match.seed}"
    return f"{match.kind}, replicate {match.replicate + 1}"
