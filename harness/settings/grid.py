"""The grid of a run: settings become cases, cases become replicated matches."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import product
from typing import Final, TypeVar

from harness.errors import BadOption
from harness.frameworks import registry
from harness.frameworks.record import Place
from harness.settings.config import Settings
from harness.settings.presets import FRAMEWORKS
from harness.settings.sharding import Shard
from harness.settings.together import scaled, why_unable
from harness.work.contender import Contender
from harness.work.listings import listed
from harness.work.program import Update
from harness.work.records import Role
from harness.work.workload import USUAL, Case, Mode, Precision, Workload

Choice = TypeVar("Choice", bound=StrEnum)

# Enough rounds to take turns; a control need not learn anything.
_CONTROL_EPOCHS: Final = 2

# Of the replicates after the first.
_REPEATED: Final = 0.5

# Replicates of a run for one control.
_A_CONTROL: Final = 2

# Whole trainings of each case, each from a seed of its own.
SEEDS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One replicate: a fresh process for each contender, which take turns, and the replicate's own seed.

    A contender's place among `contenders` is its seat. The same one twice is a control. Of the training steps
    of the last `planted_share` are done twice, 0 outside calibration. `walk` names a match of an
    explanation: its contenders are programs on the way from one to another. One for `learning` takes no
    turns: its contenders train at the same time, to the end. One for `scaling` holds contenders of one worker
    and of several. A `pilot` holds all ways of a case, and `chosen` are the seats of those that it found the
    fastest. Where memory cannot hold them all at once, each part of the match seats the first `shared` of
    them and some of the others.
    """

    contenders: tuple[Contender, ...]
    replicate: int
    planted_share: float = 0.0
    walk: str = ""
    learning: bool = False
    pilot: bool = False
    scaling: bool = False
    chosen: tuple[int, ...] = ()
    shared: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.shared < len(self.contenders):
            raise ValueError(f"{len(self.contenders)} contenders, of whom {self.shared} are shared")

    @property
    def seats(self) -> range:
        return range(len(self.contenders))

    @property
    def role(self) -> Role:
        if self.walk:
            return Role.CHANGE
        if self.learning:
            return Role.LEARNING
        if self.scaling:
            return Role.SCALING
        if self.pilot or self.chosen:
            return Role.PILOT if self.pilot else Role.WAYS
        return Role.CONTROL if len(set(self.contenders)) == 1 else Role.COMPARISON

    @property
    def case(self) -> Case:
        """The case of the first contender, which all have but for what tells their ways apart."""
        return self.contenders[0].case

    @property
    def seed(self) -> int:
        return (self.case.workload.seed + self.replicate) % 2**32

    @property
    def repeated(self) -> bool:
        """Whether its contenders repeat, off the clock, the round that holds the drawn moment.

        That takes as long as a round: so in the first replicate, and in about every second one after it. The
        programs of a control are those of the comparisons.
        """
        drawn = self.replicate == 0 or random.Random(f"{self.seed}:{self.id}").random() < _REPEATED  # noqa: S311
        return drawn and self.role not in {Role.CONTROL, Role.PILOT, Role.LEARNING, Role.SCALING}

    def led_by(self, one: int, other: int) -> Match:
        """The same match, told with these two seats before the others."""
        order = [one, other, *(seat for seat in self.seats if seat not in (one, other))]
        return replace(
            self,
            contenders=tuple(self.contenders[seat] for seat in order),
            chosen=tuple(order.index(seat) for seat in self.chosen),
        )

    def seeded(self, case: Case) -> Case:
        """A contender's case with this replicate's seed: what its worker is told."""
        return replace(case, workload=replace(case.workload, seed=self.seed))

    @property
    def kind(self) -> str:
        """What its replicates are counted under: the case, another role of it, or the walk."""
        if self.walk:
            return self.walk
        return self.case.id if self.role is Role.COMPARISON else f"{self.case.id}-{self.role}"

    @property
    def id(self) -> str:
        return f"{self.kind}-r{self.replicate}"


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

    def matches(self, judged: int, of: Callable[[Case, int], Match] | None = None) -> Iterator[Match]:
        """The matches, those of a shard if it is one, in their order; see `_every_match`."""
        every = self._every_match(judged, of)
        return every if self.shard is None else self.shard.deal(every)

    def _every_match(self, judged: int, of: Callable[[Case, int], Match] | None) -> Iterator[Match]:
        """All matches: the first case is taken to `judged` replicates, so that a run has an answer soon.

        The others follow replicate by replicate, cases and every other time a control in random order, so a
        slow drift of the machine is shared by them, and a run that is cut short has measured them evenly.
        When each case has `judged` replicates, `SEEDS` whole trainings of each come, and a control each time
        until it has as many. The order follows from the seed alone. `of` makes a case's match of a replicate,
        the frameworks' where it is not given.
        """
        if not self.cases:
            return
        shuffler = random.Random(self.settings.seed)  # noqa: S311  (order, not secrecy)
        of = of or (lambda case, replicate: between(case, replicate, self.settings.frameworks))
        replicates = self.settings.replicates
        # With fewer there is no verdict to come to.
        soon = judged if replicates >= judged else 0
        yield from (of(self.cases[0], replicate) for replicate in range(soon))
        for replicate in range(replicates):
            cases = self.cases[1:] if replicate < soon else self.cases
            matches = [of(case, replicate) for case in cases]
            matches += self._scaling(replicate)
            # Once cases can be called, each time until the control can, too.
            missing = judged <= replicate < judged + judged // _A_CONTROL
            if replicate % _A_CONTROL == 0 or missing:
                matches.append(self._control(replicate))
            yield from shuffler.sample(matches, len(matches))
            if replicate + 1 == min(replicates, judged):
                yield from self._learning(min(replicates, SEEDS))

    def matches_of_ways(self, cases: Sequence[Case], of: Callable[[Case, int], Match]) -> Iterator[Match]:
        """Those of these cases, replicate by replicate in random order."""
        shuffler = random.Random(f"{self.settings.seed}:ways")  # noqa: S311  (order, not secrecy)
        for replicate in range(self.settings.replicates):
            matches = [of(case, replicate) for case in cases]
            yield from shuffler.sample(matches, len(matches))

    def _learning(self, seeds: int) -> Iterator[Match]:
        """What the usual loops learn. A listing as printed learns in its turns: its epochs are one call."""
        for seed in range(seeds):
            for case in self.cases:
                if not case.as_printed:
                    yield replace(between(case, seed, self.settings.frameworks), learning=True)

    def _scaling(self, replicate: int) -> Iterator[Match]:
        """Contenders of one worker and of several, of each framework, where the cases have them."""
        for cases in scaled(self.cases):
            contenders = tuple(_contender(name, case) for name in self.settings.frameworks for case in cases)
            yield Match(contenders=contenders, replicate=replicate, scaling=True, shared=len(contenders) - 1)

    def _control(self, replicate: int) -> Match:
        """One framework against itself, another in the next replicate: at the first case, cut short."""
        workload = self.cases[0].workload
        short = replace(workload, epochs=min(workload.epochs, _CONTROL_EPOCHS))
        frameworks = self.settings.frameworks
        one = _contender(
            frameworks[replicate // _A_CONTROL % len(frameworks)], replace(self.cases[0], workload=short)
        )
        return Match(contenders=(one, one), replicate=replicate)


def between(case: Case, replicate: int, frameworks: Sequence[str] = FRAMEWORKS) -> Match:
    """These frameworks doing a case, in this order of seats."""
    return Match(
        contenders=tuple(_contender(framework, case) for framework in frameworks), replicate=replicate
    )


def _contender(framework: str, case: Case) -> Contender:
    return Contender(framework=framework, case=_run_by(framework, case))


def _run_by(framework: str, case: Case) -> Case:
    """The case as a framework runs it: in mode `article` its own listing."""
    return listed(case.workload, framework, case.device) if case.as_printed else case


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
        _run_by(
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


def certifiable(framework: str, device: str) -> list[tuple[Mode, Precision]]:
    """Every mode in which a framework can have a certificate on a device, in every number format there."""
    record, place = registry.record(framework), Place.of(device)
    modes = [one for one in Mode if one is not Mode.ARTICLE and place in record.modes.get(one, frozenset())]
    formats = [one for one in Precision if place in record.precisions.get(one, frozenset())]
    return list(product(modes, formats))


def require(
    frameworks: Sequence[str], device: str, modes: Sequence[Mode], precisions: Sequence[Precision]
) -> None:
    """Each of the frameworks has to have these modes and number formats on the device, by its record.

    Raises:
        BadOption: naming what one of them does not have, and what all have.
    """
    found = [registry.record(name) for name in frameworks]
    _require("MODE", device, modes, {one.label: one.modes for one in found})
    _require("PRECISION", device, precisions, {one.label: one.precisions for one in found})


def require_adam(contender: Contender) -> None:
    """A contender's framework has to have its implementation of Adam in its mode, by its record.

    Raises:
        BadOption: naming the ways that it has.
    """
    way, place = contender.case.way, Place.of(contender.case.device)
    record = registry.record(contender.framework)
    known = [one for one in record.ways_at(place) if one.update is not Update.STOCK]
    if way.update is not Update.STOCK and way not in known:
        has = ", ".join(one.id for one in known) or "the stock Adam alone"
        raise BadOption("CASE", contender.id, f"what {record.label} has there: {has}")


def _require(
    option: str,
    device: str,
    asked: Sequence[Choice],
    held: Mapping[str, Mapping[Choice, frozenset[Place]]],
) -> None:
    """Refuse what one of the frameworks does not have on a device; `held` has where each has what.

    Which device `auto` becomes is not known yet: it is asked again once it is.
    """
    if device == "auto":
        return
    place = Place.of(device)
    for value in asked:
        lacking = [label for label, has in held.items() if place not in has.get(value, frozenset())]
        if not lacking:
            continue
        allowed = [
            one for one in type(value) if all(place in has.get(one, frozenset()) for has in held.values())
        ]
        if not allowed:
            raise BadOption("DEVICE", device, f"another: {' and '.join(lacking)} cannot run there")
        on_a_gpu = all(Place.GPU in has.get(value, frozenset()) for has in held.values())
        else_where = ", or a GPU alone" if on_a_gpu else f": all that {' and '.join(lacking)} has there"
        raise BadOption(option, value, f"{', '.join(allowed)} with DEVICE={device}{else_where}")
