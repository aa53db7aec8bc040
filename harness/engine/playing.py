"""One replicate: a worker for each contender of a match, whose rounds take turns."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol

from harness.engine.conditions import Conditions
from harness.engine.cores import drawn
from harness.engine.energy import measure_energy
from harness.engine.known import FEWEST_LONG_TURNS, Known
from harness.engine.planning import Planning
from harness.engine.room import room_for
from harness.engine.rounds import Rounds, fastest, plan_rounds
from harness.engine.seat import Seat
from harness.engine.turns import turns
from harness.measure.gpu import GpuSampler
from harness.settings.matches import Match
from harness.work.records import INTERRUPTED, Role, Trial
from harness.work.workload import TEST_SAMPLES, USUAL, WHOLE_EPOCHS

# Matches that tell a case's speed.
COMPARING: Final = frozenset({Role.COMPARISON, Role.WAYS})

# The replicates in which workers are asked what their device can do: not whole trainings alone, which are not
# made where time is short, and of comparisons not the first, which tells most of what a run is to do.
_ASKED_FOR_PEAKS: Final = {Role.LEARNING: 0, Role.COMPARISON: 1}

# Least seconds of a part of a whole training, if it is no whole epoch.
_LEARNING_S: Final = 20.0


class Observer(Protocol):
    """Who is told how a run goes on. Called between rounds whose speed counts, never during one."""

    def match_began(self, match: Match, *, spent_s: float, left_s: float | None) -> None: ...

    def turn_done(self, match: Match, *, done: int, rounds: int) -> None: ...

    def trial_done(self, trial: Trial) -> None: ...


def run_match(
    match: Match, conditions: Conditions, observer: Observer, known: Known | None = None
) -> tuple[Trial, ...]:
    """Measure one replicate. A contender that fails leaves the others to finish.

    Where memory does not hold all contenders at once the match is played in parts, one after the other, each
    by the first `match.shared` contenders and by as many of the others as fit. `known` is what earlier
    matches have shown: all replicates of a kind have the same rounds, and as many as they are worth.
    Interrupted, it still returns what all have measured, their trials marked so, through
    `Interrupted.trials`.

    Returns:
        A trial for each seat, by part and seat: in one part a contender a trial.
    """
    known = Known() if known is None else known
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
            sitting.play(observer, known)
            sitting.measure_energy()
            sitting.measure_peaks()
            sitting.finish()
        except KeyboardInterrupt:
            sitting.interrupt()
            sitting.close()
            raise Interrupted((*trials, *sitting.trials())) from None
        sitting.close()
        trials += sitting.trials()
        part += 1
    return tuple(trials)


def run_and_keep(
    match: Match,
    conditions: Conditions,
    observer: Observer,
    known: Known,
    keep: Callable[[tuple[Trial, ...]], None],
) -> tuple[Trial, ...]:
    """As `run_match`; the trials are kept, also where it is interrupted."""
    try:
        trials = run_match(match, conditions, observer, known)
    except Interrupted as interrupted:
        keep(interrupted.trials)
        raise
    keep(trials)
    return trials


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
        self._begin_s = time.monotonic()

    def fill(self, wanted: Sequence[int], certain: int) -> list[int]:
        """Start workers in this order, the first `certain` in any case; returned is who finds no room."""
        # One by one on a GPU: what the device's memory grows by then has one owner.
        at_once = self._conditions.at_once if self._gpu is None else 1
        begun = 0
        while begun < len(wanted):
            sure = certain - begun
            room = sure if sure > 0 else self._room()
            group = wanted[begun : begun + int(min(room, at_once))]
            if not group:
                break
            self._start(group)
            begun += len(group)
        return list(wanted[begun:])

    def _room(self) -> float:
        held_bytes = self._conditions.servers.resident_bytes
        return room_for(list(self._seats.values()), self._gpu, held_bytes)

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

    def play(self, observer: Observer, known: Known) -> None:
        """Race for speed in turns, train whole epochs in turns, or learn without any."""
        match = self._match
        if match.role is Role.LEARNING:
            self._learn(observer)
        elif match.walk or match.case.as_printed:
            self._train_whole(observer, known)
        else:
            self._race(observer, known)

    def _race(self, observer: Observer, known: Known) -> None:
        """As many turns as the match is worth, then some of evaluation; nothing is learned to its end."""
        seats = self._seats
        planning = Planning(self._match, self._conditions, self._said, known, all_said=self._all_said)
        rounds = planning.race(start_s=time.monotonic() - self._begin_s)
        evaluated, cores = self._evaluated, self._shared_cores()
        for number, seat in seats.items():
            evaluations = planning.evaluations if number in evaluated else 0
            seat.plan(samples=planning.samples(rounds), evaluations=evaluations, cores=cores)
        self._take_turns(observer, rounds, lambda _: 0)
        if not evaluated:
            return
        for numbers in turns(evaluated, planning.evaluations, f"{self._seed}:evaluation"):
            for place, number in enumerate(numbers):
                seats[number].evaluate(place, rounds.passes)
        _predict([seats[number] for number in evaluated])

    @property
    def _evaluated(self) -> list[int]:
        """Who is evaluated, and asked for predictions: of ways that meet those that are written alike."""
        match = self._match
        if match.role not in COMPARING or self._conditions.speed_only:
            return []
        if match.role is Role.COMPARISON:
            return sorted(self._seats)
        return [number for number in sorted(self._seats) if match.contenders[number].case.way == USUAL]

    def _train_whole(self, observer: Observer, known: Known) -> None:
        """Every epoch of the case in turns. A walk is evaluated in the end, a listing after each epoch."""
        planning = Planning(self._match, self._conditions, self._said, known, all_said=self._all_said)
        rounds = planning.rounds(None)
        last = len(rounds.train)
        walk = self._match.walk

        def passes(done: int) -> int:
            return 0 if self._conditions.speed_only or (walk and done < last) else rounds.passes

        self._take_turns(observer, rounds, passes)
        if self._match.role in COMPARING and not self._conditions.speed_only:
            _predict([self._seats[number] for number in sorted(self._seats)])

    def _take_turns(self, observer: Observer, rounds: Rounds, passes: Callable[[int], int]) -> None:
        """Train in turns, each epoch's end evaluated in so many passes by the turn's number from 1."""
        match, conditions, seats = self._match, self._conditions, self._seats
        order = turns(sorted(seats), len(rounds.train), self._seed)
        for done, (parts, numbers) in enumerate(zip(rounds.train, order, strict=True), start=1):
            for place, number in enumerate(numbers):
                seats[number].train(parts, place, passes(done))
            observer.turn_done(match, done=done, rounds=len(rounds.train))
            if all(seat.failure or seat.trained_s >= conditions.enough_s for seat in seats.values()):
                break
            if done >= FEWEST_LONG_TURNS and time.monotonic() >= conditions.ends_at_s:
                break

    def _shared_cores(self) -> frozenset[int]:
        """The core on which all are to run, drawn for the match; none where each runs wherever it does.

        Not with several threads or workers, of which it is not known what sharing does to them, nor beside a
        GPU, whose drivers have threads of their own, nor with an input pipeline, which has, too.
        """
        conditions, contenders = self._conditions, self._match.contenders
        piped = any(one.case.mode in WHOLE_EPOCHS for one in contenders)
        threads = max(one.case.workers for one in contenders) * conditions.threads
        if not conditions.share_cores or threads > 1 or piped or self._gpu is not None:
            return frozenset()
        return drawn(1, random.Random(f"{_seed(self._match)}:cores"))  # noqa: S311  (no secret)

    def _learn(self, observer: Observer) -> None:
        """Whole trainings at the same time, on a GPU one after the other: what it takes has one owner."""
        case = self._match.case
        # In parts, because a worker may not take longer to answer than it is given.
        rounds = plan_rounds(case, fastest(case, self._said), _LEARNING_S)
        parts = [part for one in rounds.train for part in one]
        seats = [self._seats[number] for number in sorted(self._seats)]
        with ThreadPoolExecutor(self._conditions.at_once if self._gpu is None else 1) as pool:
            try:
                for done, _ in enumerate(pool.map(lambda seat: seat.learn(parts), seats), start=1):
                    observer.turn_done(self._match, done=done, rounds=len(seats))
            except BaseException:
                # The threads end with the workers that they wait for.
                pool.shutdown(wait=False, cancel_futures=True)
                self.interrupt()
                for seat in seats:
                    seat.kill()
                raise

    def measure_energy(self) -> None:
        """Of those on the card, where it tells energy and this is what the match is for."""
        match = self._match
        if self._gpu is None or not self._gpu.tells_energy:
            return
        if match.role in COMPARING and not self._conditions.speed_only:
            on_card = {number: seat for number, seat in self._seats.items() if self._gpu_of(number)}
            measure_energy(on_card, self._seed)

    def measure_peaks(self) -> None:
        """What the device can do, asked of one after the other in the matches that are for it."""
        match = self._match
        if match.replicate == _ASKED_FOR_PEAKS.get(match.role) and not self._conditions.speed_only:
            for number in sorted(self._seats):
                self._seats[number].measure_peak()

    @property
    def _said(self) -> list[dict[str, float | None]]:
        """What the workers that have started say of their speed."""
        return [seat.pace for seat in self._seats.values() if seat.pace is not None]

    @property
    def _all_said(self) -> bool:
        return len(self._said) == len(self._seats)

    @property
    def _seed(self) -> str:
        return f"{_seed(self._match)}:{self._part}"

    def finish(self) -> None:
        for seat in self._seats.values():
            seat.finish()

    def interrupt(self) -> None:
        for seat in self._seats.values():
            seat.fail(INTERRUPTED, "the run was interrupted before this trial finished")

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
