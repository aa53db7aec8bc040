"""One replicate: a fresh worker for each contender of a match, whose rounds take turns."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import Final, Protocol

from harness.analysis.statistics import Judgement
from harness.engine.conditions import Conditions
from harness.engine.energy import measure_energy
from harness.engine.room import room_for
from harness.engine.rounds import Rounds, fastest, plan_rounds
from harness.engine.seat import Seat
from harness.engine.turns import turns
from harness.measure.gpu import GpuSampler
from harness.settings.grid import Match
from harness.work.records import Role, Trial
from harness.work.workload import TEST_SAMPLES, WHOLE_EPOCHS

_COMPARING: Final = frozenset({Role.COMPARISON, Role.WAYS})

# A match that is out of time takes as many turns as have a median and a spread.
_FEWEST_TURNS: Final = 3


class Observer(Protocol):
    """Who is told how a run goes on. Called between timed rounds only, never during one."""

    def match_began(self, match: Match, *, spent_s: float, left_s: float | None) -> None: ...

    def turn_done(self, match: Match, *, done: int, rounds: int) -> None: ...

    def trial_done(self, trial: Trial) -> None: ...

    def judged(self, match: Match, so_far: Judgement) -> None:
        """What all replicates so far say of the first contender's speed over the second's."""


def run_match(
    match: Match, conditions: Conditions, observer: Observer, known: dict[str, Rounds] | None = None
) -> tuple[Trial, ...]:
    """Measure one replicate. A contender that fails leaves the others to finish.

    Where memory does not hold all contenders at once the match is played in parts, one after the other, each
    by the first `match.shared` contenders and by as many of the others as fit. `known` keeps the rounds of
    each kind of match, so that all its replicates have the same. Interrupted, it still returns what all have
    measured, their trials marked so, through `Interrupted.trials`.

    Returns:
        A trial for each seat, by part and seat: in one part a contender a trial.
    """
    known = {} if known is None else known
    shuffler = random.Random(_seed(match))  # noqa: S311  (order, not secrecy)
    trials: list[Trial] = []
    waiting = shuffler.sample(match.seats[match.shared :], len(match.contenders) - match.shared)
    part = 0
    while waiting:
        sitting = _Sitting(match, part, conditions)
        try:
            # Who starts first is drawn, too; one of the others sits there in any case.
            first = [*match.seats[: match.shared], waiting[0]]
            waiting = sitting.fill([*shuffler.sample(first, len(first)), *waiting[1:]], len(first))
            sitting.take_turns(observer, known)
            sitting.measure_energy()
            sitting.finish()
        except KeyboardInterrupt:
            sitting.fail("interrupted", "the run was interrupted before this trial finished")
            sitting.close()
            raise Interrupted((*trials, *sitting.trials())) from None
        sitting.close()
        trials += sitting.trials()
        part += 1
    return tuple(trials)


class _Sitting:
    """The contenders of a match that memory holds at once."""

    def __init__(self, match: Match, part: int, conditions: Conditions) -> None:
        self._match = match
        self._part = part
        self._conditions = conditions
        devices = {one.case.device for one in match.contenders}
        watched = next((device for device in conditions.gpus if device in devices), None)
        self._gpu = None if watched is None else GpuSampler(conditions.gpus[watched])
        self._watched = watched
        self._seats: dict[int, Seat] = {}

    def fill(self, wanted: Sequence[int], certain: int) -> list[int]:
        """Start workers in this order, the first `certain` in any case; returned is who finds no room."""
        # One by one on a GPU: what the device's memory grows by then has one owner.
        at_once = self._conditions.at_once if self._gpu is None else 1
        begun = 0
        while begun < len(wanted):
            sure = certain - begun
            room = sure if sure > 0 else room_for(list(self._seats.values()), self._gpu)
            group = wanted[begun : begun + int(min(room, at_once))]
            if not group:
                break
            self._start(group)
            begun += len(group)
        return list(wanted[begun:])

    def _start(self, numbers: Sequence[int]) -> None:
        seats = [
            Seat(number, self._match, self._conditions, self._gpu_of(number), self._part)
            for number in numbers
        ]
        for seat in seats:
            self._seats[seat.number] = seat
            seat.start()
        for seat in seats:
            seat.wait()

    def _gpu_of(self, number: int) -> GpuSampler | None:
        """Contenders on the CPU take nothing of a GPU that others of the match are on."""
        return self._gpu if self._match.contenders[number].case.device == self._watched else None

    def take_turns(self, observer: Observer, known: dict[str, Rounds]) -> None:
        match, conditions, seats = self._match, self._conditions, self._seats
        rounds = self._rounds(known)
        order = turns(sorted(seats), len(rounds.train), f"{_seed(match)}:{self._part}")
        for done, (parts, numbers) in enumerate(zip(rounds.train, order, strict=True), start=1):
            # A walk asks what was learned in the end, and has turns to take in the meantime.
            evaluated = not conditions.speed_only and (not match.walk or done == len(rounds.train))
            for place, number in enumerate(numbers):
                seats[number].train(parts, place, rounds.passes if evaluated else 0)
            observer.turn_done(match, done=done, rounds=len(rounds.train))
            if all(seat.failure or seat.trained_s >= conditions.enough_s for seat in seats.values()):
                break
            if done >= _FEWEST_TURNS and time.monotonic() >= conditions.ends_at_s:
                break
        if match.role in _COMPARING and not conditions.speed_only:
            _predict([seats[number] for number in numbers])

    def measure_energy(self) -> None:
        """Of those on the card, where it tells energy and this is what the match is for."""
        match = self._match
        if self._gpu is None or not self._gpu.tells_energy:
            return
        if match.role in _COMPARING and not self._conditions.speed_only:
            on_card = {number: seat for number, seat in self._seats.items() if self._gpu_of(number)}
            measure_energy(on_card, f"{_seed(match)}:{self._part}")

    def _rounds(self, known: dict[str, Rounds]) -> Rounds:
        """The rounds that its kind of match has; the first one in which all have started decides."""
        match, seats = self._match, self._seats.values()
        if match.kind in known:
            return known[match.kind]
        said = [seat.pace for seat in seats if seat.pace is not None]
        # Where contenders cut an epoch into other batches, no part of one is whole batches to all.
        cases = [one.case for one in match.contenders]
        cut_alike = len({(case.mode in WHOLE_EPOCHS, case.workload.batch_size) for case in cases}) == 1
        rounds = plan_rounds(
            match.case, fastest(match.case, said), self._conditions.round_s, divisible=cut_alike
        )
        if len(said) == len(seats):
            known[match.kind] = rounds
        return rounds

    def finish(self) -> None:
        for seat in self._seats.values():
            seat.finish()

    def fail(self, kind: str, reason: str) -> None:
        for seat in self._seats.values():
            seat.fail(kind, reason)

    def close(self) -> None:
        """End all workers; the next match finds the GPU's memory as this one did."""
        for seat in self._seats.values():
            seat.close()
        if self._gpu is not None:
            self._gpu.stop()

    def trials(self) -> list[Trial]:
        return [self._seats[number].trial() for number in sorted(self._seats)]


def _predict(seats: Sequence[Seat]) -> None:
    """Latencies at one sample, and at each contender's own batch size."""
    for seat in seats:
        seat.predict(1)
    for seat in seats:
        # The test set has no batch larger than itself.
        if 1 < seat.case.workload.batch_size <= TEST_SAMPLES:
            seat.predict(seat.case.workload.batch_size)


def _seed(match: Match) -> str:
    return f"{match.kind}:{match.seed}"


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a match; carries what the match had measured."""

    def __init__(self, trials: tuple[Trial, ...]) -> None:
        super().__init__()
        self.trials = trials
