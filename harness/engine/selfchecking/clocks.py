"""What has to agree: clocks of the machine, a worker and a device, and a card's two ways to tell energy."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median
from typing import Final, NamedTuple

from harness.engine.selfchecking.outcome import Outcome, Reading, State, could_not, together
from harness.engine.selfchecking.workers import CheckConditions, Hand, Workers
from harness.measure.gpu import GpuSampler
from harness.measure.loop import Timing, timed
from harness.measure.samples import summarised

# Following a time server bends a kernel's clock by at most 0.05 % (adjtimex(2)); ten times this is a fault.
CLOCK_WITHIN: Final = 0.005

# Of a second: systems may count processor time in ticks of 10 ms.
_TICK_SHARE: Final = 0.01

# Less than this of the processor in every slice, and something else had the rest.
_UNDISTURBED_SHARE: Final = 0.95

# A round's first kernel starts, and its end is noticed, in well under a millisecond of its 200.
EVENTS_WITHIN: Final = 0.02

# A100 and H100 look at their power a quarter of the time (arXiv 2312.02741), and the edges lie between
# samples.
ENERGY_WITHIN: Final = 0.15

_SLICES: Final = 10
_SLICE_S: Final = 0.1
_LONG_ROUND_S: Final = 1.0
_LONG_ROUNDS: Final = 2
_EVENT_ROUND_S: Final = 0.2
_EVENT_ROUNDS: Final = 10
_ENERGY_S: Final = 6.0


def clocks(conditions: CheckConditions, workers: Workers) -> Outcome:
    """The timed loop's clock against the system's raw one and the processor's, and each worker's in it."""
    with workers.started(conditions.case(), conditions.frameworks, round_s=_LONG_ROUND_S) as hands:
        theirs = [_as_the_parent_sees_it(hand) for hand in hands]
    return together([hosts_clocks(), *theirs])


def hosts_clocks() -> Outcome:
    """The timed loop's wall and processor clock over a busy second, against the system's raw clock.

    Whoever takes the processor between two readings makes a slice look longer by one clock than by the
    other: the slice that the raw clock holds most narrowly decides.
    """
    slices = [_slice() for _ in range(_SLICES)]
    best = min(slices, key=lambda one: one.around_s / one.within_s)
    # What lies between the two readings is told apart from 1 by neither.
    ratio = min(max(1.0, best.timing.wall_s / best.around_s), best.timing.wall_s / best.within_s)
    busy = max(one.timing.cpu_s / one.timing.wall_s for one in slices)
    all_busy = sum(one.timing.cpu_s for one in slices) / sum(one.timing.wall_s for one in slices)
    readings = (
        Reading(what="clock over the raw one", value=ratio, allowed=f"1 within {100 * CLOCK_WITHIN:g} %"),
        Reading(
            what="processor time over clock",
            value=all_busy,
            allowed=f"at most {1 + _TICK_SHARE:g}; at least {_UNDISTURBED_SHARE} in one slice",
        ),
        Reading(what="the same in the busiest slice", value=busy),
    )
    problems = []
    if abs(ratio - 1) > CLOCK_WITHIN:
        problems.append(f"the clock runs {100 * (ratio - 1):+.1f} % against the system's raw one")
    if all_busy > 1 + _TICK_SHARE:
        problems.append(f"one thread used {all_busy:.3f} s of processor time a second")
    if problems:
        return Outcome(state=State.FAILED, sentence="; ".join(problems), readings=readings)
    if busy < _UNDISTURBED_SHARE:
        return could_not(
            f"something else had the processor: a busy thread got {100 * busy:.0f} % of it at most", readings
        )
    return Outcome(
        state=State.PASSED, sentence="wall clock, raw clock and processor time agree", readings=readings
    )


class _Slice(NamedTuple):
    """A busy tenth of a second by the timed loop, and by the raw clock what lies within it and around it."""

    timing: Timing
    within_s: float
    around_s: float


def _slice() -> _Slice:
    raw: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_MONOTONIC_RAW)  # noqa: E731
    within = [0.0, 0.0]

    def busy() -> None:
        within[:] = [raw()] * 2
        while within[1] < within[0] + _SLICE_S:
            within[1] = raw()

    began_s = raw()
    timing = timed(busy, lambda: None)
    return _Slice(timing, within_s=within[1] - within[0], around_s=raw() - began_s)


def _as_the_parent_sees_it(hand: Hand) -> Outcome:
    """A round's seconds lie inside those that its parent waited."""
    hand.train()
    surplus_s, waited_s, told_s = 0.0, 0.0, 0.0
    for _ in range(_LONG_ROUNDS):
        began_s = time.perf_counter()
        replies = hand.train()
        ended_s = time.perf_counter()
        waited_s += ended_s - began_s
        told_s += sum(reply["wall_s"] for reply in replies)
        last = replies[-1]
        surplus_s = max(
            surplus_s, began_s - replies[0]["started_s"], last["started_s"] + last["wall_s"] - ended_s
        )
    surplus_s = max(surplus_s, told_s - waited_s)
    reading = Reading(
        what=f"{hand.framework}: rounds over what the parent waited",
        value=told_s / waited_s,
        allowed="at most 1",
    )
    if surplus_s > CLOCK_WITHIN * waited_s:
        sentence = f"{hand.framework}: rounds reach {1e3 * surplus_s:.0f} ms beyond what the parent waited"
        return Outcome(state=State.FAILED, sentence=sentence, readings=(reading,))
    return Outcome(
        state=State.PASSED,
        sentence="the workers' rounds lie inside what the parent waited",
        readings=(reading,),
    )


def events(conditions: CheckConditions, workers: Workers) -> Outcome:
    """The device's own seconds of a round against the host's."""
    with workers.started(conditions.case(), conditions.frameworks, round_s=_EVENT_ROUND_S) as hands:
        found = [_events_of(hand) for hand in hands]
    told = [one for one in found if one.state is not State.COULD_NOT]
    return together(told or found)


def _events_of(hand: Hand) -> Outcome:
    hand.train()
    rounds = [hand.train() for _ in range(_EVENT_ROUNDS)]
    if any(reply["device_s"] is None for replies in rounds for reply in replies):
        return could_not(f"{hand.framework} offers no clock of the device")
    ratio = median(
        sum(reply["device_s"] for reply in replies) / sum(reply["wall_s"] for reply in replies)
        for replies in rounds
    )
    reading = Reading(
        what=f"{hand.framework}: device's seconds over the host's",
        value=ratio,
        allowed=f"1 within {100 * EVENTS_WITHIN:g} %, no longer than the host's",
    )
    if not 1 - EVENTS_WITHIN <= ratio <= 1 + CLOCK_WITHIN:
        sentence = f"{hand.framework}: a round takes {ratio:.3f} times as long by the device's clock"
        return Outcome(state=State.FAILED, sentence=sentence, readings=(reading,))
    sentence = f"{hand.framework}: the device's clock tells {ratio:.3f} of the host's seconds"
    return Outcome(state=State.PASSED, sentence=sentence, readings=(reading,))


def energy(conditions: CheckConditions, workers: Workers) -> Outcome:
    """Joules of some seconds of training by the card's counter, and by its power over the same samples."""
    assert conditions.gpu is not None
    framework = conditions.seated[-1]
    sampler = GpuSampler(conditions.gpu)
    try:
        with workers.started(conditions.case(), [framework], round_s=_LONG_ROUND_S) as (hand,):
            sampler.follow(framework, hand.process.pid)
            sampler.begin(framework)
            until_s = time.monotonic() + _ENERGY_S
            while time.monotonic() < until_s:
                hand.train()
            turn = sampler.end()
    finally:
        sampler.stop()
    ended = sampler.use(framework).ended_because
    if ended is not None:
        return Outcome(state=State.FAILED, sentence=f"the sampler ended: {ended}")
    counted_j = summarised([turn]).energy_j if all(one.energy_j is not None for one in turn) else None
    integrated_j = summarised([tuple(replace(one, energy_j=None) for one in turn)]).energy_j
    readings = (
        Reading(what="by the counter", value=counted_j, unit="J"),
        Reading(what="by power over the samples", value=integrated_j, unit="J"),
    )
    if counted_j is None or not integrated_j:
        return could_not("the card does not tell both its energy and its power", readings)
    ratio = counted_j / integrated_j
    return Outcome(
        state=State.PASSED if abs(ratio - 1) <= ENERGY_WITHIN else State.FAILED,
        sentence=f"over {_ENERGY_S:g} s the counter tells {ratio:.2f} of what power over time comes to",
        readings=(
            *readings,
            Reading(what="ratio", value=ratio, allowed=f"1 within {100 * ENERGY_WITHIN:g} %"),
        ),
    )
