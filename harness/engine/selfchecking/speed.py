"""What may change a worker's speed: its partner, the pauses between its turns, and being watched."""

from __future__ import annotations

import math
import time
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from statistics import fmean, median
from typing import Final

from harness.engine.selfchecking.comparing import LEAST_BLOCKS, Slowdown, compare, slowdown
from harness.engine.selfchecking.outcome import Outcome, Reading, State, could_not, together
from harness.engine.selfchecking.workers import CheckConditions, Hand, Workers
from harness.measure.disturbance import Watch
from harness.measure.gpu import GpuSampler
from harness.measure.loop import timed
from harness.measure.nvml import Gpu
from harness.measure.samples import Turn, summarised
from harness.work.workload import Case

# Where a partner or a pause costs more than this, a match does not show the speed that a program has alone.
PARTNER_BOUND: Final = 0.10
PAUSE_BOUND: Final = 0.10

# Watching may cost 1 %: what is surely more than two and a half times that is no rounding of it.
WATCHING_BOUND: Final = 0.025

PAUSES_S: Final = (0.0, 0.005, 0.05, 0.5)

_ROUND_S: Final = 0.1
_ROUNDS: Final = 8

# About 50 ms of arithmetic.
_COUNTED: Final = 1_000_000


def paired(conditions: CheckConditions, workers: Workers) -> Outcome:
    """Rounds of each alone against those with its partner resident, whose turns alternate with them."""
    case, seated = conditions.case(), conditions.seated
    log_ratios: dict[str, list[float]] = {name: [] for name in seated}
    found: dict[str, Slowdown] = {}
    with ExitStack() as stack:
        chain = _Chain(case, workers, stack, seated)
        while True:
            began_s = time.monotonic()
            framework, log_ratio = chain.link()
            log_ratios[framework].append(log_ratio)
            if all(log_ratios.values()):
                found = {name: slowdown(seen, PARTNER_BOUND) for name, seen in log_ratios.items()}
            enough = min(map(len, log_ratios.values())) >= LEAST_BLOCKS
            if enough and all(one.state is not State.COULD_NOT for one in found.values()):
                break
            if workers.left_s() < 2 * (time.monotonic() - began_s):
                break
    outcomes = [
        _slower(one, f"{name}: a partner", f"{name}: paired over alone") for name, one in found.items()
    ]
    return together(outcomes) if outcomes else could_not("there was no time for both")


class _Chain:
    """Workers that are paired, then alone, then paired with the next: drift falls before and after alone."""

    def __init__(self, case: Case, workers: Workers, stack: ExitStack, seated: tuple[str, str]) -> None:
        self._case, self._workers, self._stack, self._seated = case, workers, stack, seated
        self._place = 1
        self._leaving, first = self._joined(0)
        self._staying, self._hand = self._joined(1)
        _, self._before_s = _in_turns(first, self._hand)

    def link(self) -> tuple[str, float]:
        """The log of a worker's time with a partner over that without one, and whose it is."""
        self._leaving.close()
        alone_s = median(self._hand.train_s() for _ in range(_ROUNDS))
        coming, partner = self._joined(1 - self._place)
        after_s, partner_s = _in_turns(self._hand, partner)
        log_ratio = fmean([math.log(self._before_s), math.log(after_s)]) - math.log(alone_s)
        framework = self._hand.framework
        self._leaving, self._staying, self._hand = self._staying, coming, partner
        self._place, self._before_s = 1 - self._place, partner_s
        return framework, log_ratio

    def _joined(self, place: int) -> tuple[ExitStack, Hand]:
        own = self._stack.enter_context(ExitStack())
        started = self._workers.started(self._case, [self._seated[place]], round_s=_ROUND_S)
        (hand,) = own.enter_context(started)
        hand.train()
        return own, hand


def _in_turns(one: Hand, other: Hand) -> tuple[float, float]:
    """Median seconds of a round of each, taken alternately."""
    times_s = [(one.train_s(), other.train_s()) for _ in range(_ROUNDS)]
    return median(first for first, _ in times_s), median(second for _, second in times_s)


def pauses(conditions: CheckConditions, workers: Workers) -> Outcome:
    """Rounds after pauses as long as a partner's turn, against rounds without one, and the card's clock."""
    with workers.started(conditions.case(), conditions.frameworks, round_s=_ROUND_S) as hands:
        for hand in hands:
            hand.train()
        return together(
            [
                _paused(hand, conditions.gpu, workers.left_s() / (len(hands) - place))
                for place, hand in enumerate(hands)
            ]
        )


def _paused(hand: Hand, gpu: Gpu | None, for_s: float) -> Outcome:
    until_s = time.monotonic() + for_s
    turns: dict[str, list[Turn]] = {}

    def after(pause_s: float) -> float:
        time.sleep(pause_s)
        if gpu is None:
            return hand.train_s()
        taken_s, turn = _sampled(hand, gpu)
        turns.setdefault(_pause(pause_s), []).append(turn)
        return taken_s

    found = compare(
        {_pause(one): partial(after, one) for one in PAUSES_S},
        _pause(PAUSES_S[0]),
        bound=PAUSE_BOUND,
        left_s=lambda: until_s - time.monotonic(),
    )
    outcome = _of_kinds(hand.framework, found, "a pause of {}")
    hertz = {name: summarised(some).sm_hz for name, some in turns.items()}
    clocks = tuple(
        Reading(what=f"{hand.framework}: the card's clock after {name}", value=one and one / 1e6, unit="MHz")
        for name, one in hertz.items()
    )
    return replace(outcome, readings=outcome.readings + clocks)


def _pause(pause_s: float) -> str:
    return f"{1e3 * pause_s:g} ms"


def _sampled(hand: Hand, gpu: Gpu) -> tuple[float, Turn]:
    """A round's seconds with the sampler at work, and what that saw."""
    sampler = GpuSampler(gpu)
    try:
        sampler.follow(hand.framework, hand.process.pid)
        sampler.begin(hand.framework)
        taken_s = hand.train_s()
        return taken_s, sampler.end()
    finally:
        sampler.stop()


def watched(conditions: CheckConditions, workers: Workers) -> Outcome:
    """Rounds that are watched, by the count of disturbances and by the sampler, against such as are not."""
    own = _of_kinds("this process", _watch(workers), "{}")
    if conditions.gpu is None:
        return own
    gpu = conditions.gpu
    with workers.started(conditions.case(), conditions.frameworks, round_s=_ROUND_S) as hands:
        seen = [
            _sampling(hand, gpu, workers.left_s() / (len(hands) - place)) for place, hand in enumerate(hands)
        ]
    return together([own, *seen])


def _sampling(hand: Hand, gpu: Gpu, for_s: float) -> Outcome:
    until_s = time.monotonic() + for_s
    found = compare(
        {"no sampler": hand.train_s, "the sampler": lambda: _sampled(hand, gpu)[0]},
        "no sampler",
        bound=WATCHING_BOUND,
        left_s=lambda: until_s - time.monotonic(),
    )
    return _of_kinds(hand.framework, found, "{}")


def _watch(workers: Workers) -> dict[str, Slowdown]:
    """Arithmetic in this process, with and without what surrounds each round; in half of the time."""
    until_s = time.monotonic() + workers.left_s() / 2

    def alone() -> float:
        return timed(_arithmetic, lambda: None).wall_s

    def watched_too() -> float:
        began_s = time.perf_counter()
        watch = Watch()
        watch.begin()
        timing = timed(_arithmetic, lambda: None)
        watch.end(own_cpu_s=timing.cpu_s)
        return time.perf_counter() - began_s

    return compare(
        {"nothing": alone, "the watch": watched_too},
        "nothing",
        bound=WATCHING_BOUND,
        left_s=lambda: until_s - time.monotonic(),
    )


def _arithmetic() -> None:
    total = 0
    for number in range(_COUNTED):
        total += number


def _of_kinds(who: str, found: dict[str, Slowdown], cause: str) -> Outcome:
    """A comparison's kinds in one outcome, which tells the slowest of those in the worst state."""
    if not found:
        return could_not(f"{who}: there was no time to compare")
    slowest_first = sorted(found.items(), key=lambda kind: -kind[1].interval.estimate)
    outcomes = [_slower(one, f"{who}: {cause.format(name)}", f"{who}: {name}") for name, one in slowest_first]
    worst = together(outcomes)
    told = next(one for one in outcomes if one.state is worst.state)
    return replace(worst, sentence=told.sentence)


def _slower(one: Slowdown, cause: str, what: str) -> Outcome:
    reading = Reading(what=what, value=one.words, allowed=one.allowed)
    sentence = f"{cause} changes a round's time by {one.words}"
    if one.state is State.COULD_NOT:
        return could_not(f"{sentence}; this machine is too noisy to tell", [reading])
    return Outcome(state=one.state, sentence=sentence, readings=(reading,))
