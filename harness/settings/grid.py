"""The grid of a run: settings become cases, cases become replicated matches."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count, product
from typing import Final

from harness.errors import BadOption
from harness.frameworks import registry
from harness.frameworks.record import Place
from harness.settings.config import Settings
from harness.settings.matches import Match, between, contender_of, run_by
from harness.settings.offers import require
from harness.settings.sharding import Shard
from harness.settings.together import scaled, why_unable
from harness.work.contender import Contender
from harness.work.workload import USUAL, Case, Mode, Workload

# Enough rounds to take turns; a control need not learn anything.
_CONTROL_EPOCHS: Final = 2

# Replicates of a run for one control.
_A_CONTROL: Final = 2

# Until cases can be called, matches for one control: those of two cases, whose answers come first.
_AN_EARLY_CONTROL: Final = 12

# Whole trainings of each case, each from a seed of its own.
SEEDS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run will do: every case and one control, up to `replicates` times each.

    In mode `best` a case is that of the frameworks' usual loops, and `refused` are its ways that have no
    certificate. Cases that were asked for and are not measured, each with the reason, are `unfit`, where the
    machine is too small for them, and `unable`, where a framework has no such contender. With `shard` it is
    one host's part of a plan for several.
    """

    settings: Settings
    cases: tuple[Case, ...]
    refused: frozenset[Contender] = frozenset()
    unfit: tuple[tuple[Case, str], ...] = ()
    unable: tuple[tuple[Case, str], ...] = ()
    shard: Shard | None = None

    @property
    def best(self) -> bool:
        """Whether all ways of each framework are to meet."""
        return self.settings.mode == (Mode.BEST,)

    def ways(self, case: Case) -> tuple[Contender, ...]:
        """Every way of all frameworks to do a case, their usual loops first."""
        place = Place.of(case.device)
        found = [
            Contender(framework=name, case=replace(case, mode=way.mode, update=way.update))
            for name in self.settings.frameworks
            for way in registry.record(name).ways_at(place)
        ]
        found.sort(key=lambda one: one.case.way != USUAL)
        return tuple(one for one in found if one not in self.refused)

    def rivalled(self, judged: int) -> tuple[Case, ...]:
        """The cases of which each framework's best is asked beside what is asked, of `judged` replicates.

        Their loops have rivals, other ways of one framework or of several. On several hosts none is: each
        would choose for itself.
        """
        asks = self.settings.at_best and self.settings.replicates >= judged
        if self.shard is not None or self.best or not asks:
            return ()
        loops = len(self.settings.frameworks)
        return tuple(case for case in self.cases if case.way == USUAL and len(self.ways(case)) > loops)

    def contenders(self) -> tuple[Contender, ...]:
        """All that compete in a case, case by case."""
        frameworks = self.settings.frameworks
        return tuple(
            one
            for case in self.cases
            for one in (self.ways(case) if self.best else between(case, 0, frameworks).contenders)
        )

    def provable(self) -> tuple[Contender, ...]:
        """Those of all that can have a certificate: the listings of mode `article` do different work."""
        return tuple(one for one in self.contenders() if one.case.mode is not Mode.ARTICLE)

    def ahead(self, judged: int) -> tuple[Case, ...]:
        """The cases that have to be proven before anything is measured.

        It is the first alone where it is taken to `judged` replicates before any other is begun; where all
        ways meet, or in a shard, it is not.
        """
        alone = self._soon(judged) and not self.best and self.shard is None
        return self.cases[:1] if alone else self.cases

    def _soon(self, judged: int) -> int:
        """Replicates that the first case has before the others begin; with fewer there is no verdict."""
        return judged if self.settings.replicates >= judged else 0

    def matches(self, judged: int, of: Callable[[Case, int], Match] | None = None) -> Iterator[Match]:
        """The matches, those of a shard if it is one, in their order; see `_every_match`."""
        every = self._every_match(judged, of)
        return every if self.shard is None else self.shard.deal(every)

    def _every_match(self, judged: int, of: Callable[[Case, int], Match] | None) -> Iterator[Match]:
        """All matches in their order, which follows from the seed alone; controls are numbered as they come.

        `of` makes a case's match of a replicate, the frameworks' where it is not given.
        """
        if not self.cases:
            return
        of = of or (lambda case, replicate: between(case, replicate, self.settings.frameworks))
        controls = map(self._control, count())
        for matches, controlled in self._stretches(judged, of):
            yield from matches
            if controlled:
                yield next(controls)

    def comparisons(self, judged: int, of: Callable[[Case, int], Match]) -> Iterator[Match]:
        """What tells the cases' speeds, as `of` makes it, in the order of a run: nothing beside it."""
        for matches, _ in self._stretches(judged, of):
            yield from (one for one in matches if not (one.learning or one.scaling))

    def _stretches(
        self, judged: int, of: Callable[[Case, int], Match]
    ) -> Iterator[tuple[Sequence[Match], bool]]:
        """Matches of cases, and whether a control follows them.

        The first case is taken to `judged` replicates, so that a run has an answer soon. The others follow
        replicate by replicate, in random order, so a slow drift of the machine is shared by them, and a run
        that is cut short has measured them evenly. When each case has `judged` replicates, `SEEDS` whole
        trainings of each come. Until the first of these a control keeps as few answers waiting as it can;
        with those that follow it can soon be judged itself.
        """
        shuffler = random.Random(self.settings.seed)  # noqa: S311  (order, not secrecy)
        replicates = self.settings.replicates
        soon = self._soon(judged)
        yield [of(self.cases[0], replicate) for replicate in range(soon)], False
        met = soon
        for replicate in range(replicates):
            cases = self.cases[1:] if replicate < soon else self.cases
            matches = [*(of(case, replicate) for case in cases), *self._scaling(replicate)]
            before, met = met, met + len(matches)
            if replicate < soon:
                controlled = met // _AN_EARLY_CONTROL > before // _AN_EARLY_CONTROL
                controlled |= replicate + 1 == soon and met < _AN_EARLY_CONTROL
            else:
                # One until then, and one after each seed.
                controlled = replicate % _A_CONTROL == 0 or judged <= replicate < 2 * judged - 1 - SEEDS
            # A first seed tells something of every case, and a first control of nothing.
            waits = controlled and replicate + 1 == soon
            yield shuffler.sample(matches, len(matches)), controlled and not waits
            if replicate + 1 == min(replicates, judged):
                for seed in range(min(replicates, SEEDS)):
                    yield self._learning(seed), soon > 0
                    if waits and seed == 0:
                        yield [], True

    def matches_of_ways(self, cases: Sequence[Case], of: Callable[[Case, int], Match]) -> Iterator[Match]:
        """Those of these cases, replicate by replicate in random order."""
        shuffler = random.Random(f"{self.settings.seed}:ways")  # noqa: S311  (order, not secrecy)
        for replicate in range(self.settings.replicates):
            matches = [of(case, replicate) for case in cases]
            yield from shuffler.sample(matches, len(matches))

    def _learning(self, seed: int) -> list[Match]:
        """What the usual loops learn. A listing as printed learns in its turns: its epochs are one call."""
        cases = [case for case in self.cases if not case.as_printed]
        return [replace(between(case, seed, self.settings.frameworks), learning=True) for case in cases]

    def _scaling(self, replicate: int) -> Iterator[Match]:
        """Contenders of one worker and of several, of each framework, where the cases have them."""
        for cases in scaled(self.cases):
            contenders = tuple(
                contender_of(name, case) for name in self.settings.frameworks for case in cases
            )
            yield Match(contenders=contenders, replicate=replicate, scaling=True, shared=len(contenders) - 1)

    def _control(self, replicate: int) -> Match:
        """One framework against itself, another the next time: at the first case, cut short."""
        workload = self.cases[0].workload
        short = replace(workload, epochs=min(workload.epochs, _CONTROL_EPOCHS))
        frameworks = self.settings.frameworks
        one = contender_of(frameworks[replicate % len(frameworks)], replace(self.cases[0], workload=short))
        return Match(contenders=(one, one), replicate=replicate)


def plan(settings: Settings) -> Plan:
    """Span the grid device x mode x precision x epochs x hidden layers x batch size x workers.

    Mode `article` has one case instead of one a batch size: the first framework's listing stands for all. In
    mode `best` a case is that of the frameworks' usual loops, which its matches hold beside their other ways.

    Raises:
        BadOption: when a combination is not allowed, such as a batch larger than the training set, or a mode
            or number format that a framework does not have on the device.
    """
    if max(settings.workers) > 1 and Mode.ARTICLE in settings.mode:
        raise BadOption(
            "WORKERS", ",".join(map(str, settings.workers)), "1 with MODE=article: its listings are of one"
        )
    modes = _executed(settings.mode)
    for device in settings.device:
        require(settings.frameworks, device, modes, settings.precision)
    cases = [
        run_by(
            settings.frameworks[0],
            Case(
                workload=Workload(
                    dataset=settings.dataset,
                    batch_size=batch_size,
                    epochs=epochs,
                    precision=precision,
                    seed=settings.seed,
                    train_samples=settings.train_samples,
                    eval_batch_size=settings.eval_batch_size,
                    hidden=hidden,
                ),
                device=device,
                mode=mode,
                workers=workers,
            ),
        )
        for device, mode, precision, epochs, hidden, batch_size, workers in product(
            settings.device,
            modes,
            settings.precision,
            settings.epochs,
            settings.hidden,
            settings.batch_size,
            settings.workers,
        )
    ]
    why = {case: why_unable(settings, case) for case in cases}
    return Plan(
        settings=settings,
        cases=tuple(case for case, said in why.items() if said is None),
        unable=tuple((case, said) for case, said in why.items() if said is not None),
    )


def _executed(modes: Sequence[Mode]) -> tuple[Mode, ...]:
    """The modes that programs are executed in; `best` has none of its own, and stands alone.

    Raises:
        BadOption: `best` and another mode together.
    """
    if Mode.BEST not in modes:
        return tuple(modes)
    if len(modes) > 1:
        raise BadOption("MODE", ",".join(modes), f"{Mode.BEST} by itself: its matches hold all ways")
    return (USUAL.mode,)
