"""How epochs become rounds: long enough for the clock, short enough to take turns.

A long epoch is split into rounds of equally many steps, short epochs are grouped into one round; where some
number of steps belongs together, rounds go across epochs' ends. All contenders of a match, and all replicates
of a case, get the same rounds, so that round *i* is the same work wherever it is timed. How many rounds there
are is another matter: see `known`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from harness.work.workload import WHOLE_EPOCHS, Case, Workload

# The pace is taken from a few steps, before anything has settled; a round planned this much longer
# than the least is seldom shorter than it.
SLACK: Final = 1.25

# Where epochs stay whole, a round has so many times the steps that belong together, or more: one that has
# half of these too many or too few is then off by a sixth at most.
_TIMES_WHOLE: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Samples `first` to `last` (exclusive) of the order of epoch `epoch`, counted from 0."""

    epoch: int
    first: int
    last: int

    def ends_epoch(self, workload: Workload) -> bool:
        return self.last == workload.train_samples


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds:
    """What a trial does: training rounds of one or more parts, and passes over the test set at a time."""

    train: tuple[tuple[Part, ...], ...]
    passes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Seconds of an epoch and of a pass over the test set of the fastest contender; None where unknown."""

    epoch_s: float | None
    evaluate_s: float | None


def fastest(case: Case, said: Sequence[Mapping[str, float | None]]) -> Pace:
    """The pace that decides: a round must be long enough for the fastest too.

    `said` are the workers' own words, `train_sample_s` and `evaluate_s`.
    """
    sample_s = [one["train_sample_s"] for one in said if one["train_sample_s"]]
    evaluate_s = [one["evaluate_s"] for one in said if one["evaluate_s"]]
    return Pace(
        epoch_s=min(sample_s) * case.workload.train_samples if sample_s else None,
        evaluate_s=min(evaluate_s) if evaluate_s else None,
    )


def plan_rounds(
    case: Case,
    pace: Pace,
    least_s: float,
    *,
    divisible: bool = True,
    count: int | None = None,
    whole_steps: int = 0,
) -> Rounds:
    """Rounds of at least `least_s` seconds at this pace, as short as that allows.

    There are `count` of them, of as many epochs as that takes; without it those of the case's epochs. An
    unknown pace gives a round an epoch and one pass. The epochs of some modes stay whole (`WHOLE_EPOCHS`), as
    do all that are not `divisible`. In a group of epochs of the case's each is evaluated, and their
    evaluations together last `least_s`.

    Where `whole_steps` belong together a round has exactly so many steps, or times as many, whatever epochs
    it goes across, and evaluations have one pass; where epochs stay whole it has several times as many.
    """
    workload = case.workload
    epochs, splits = workload.epochs, 1
    divisible = divisible and case.mode not in WHOLE_EPOCHS
    if whole_steps and divisible:
        whole_s = whole_steps * (pace.epoch_s or 0.0) / workload.steps_per_epoch
        times = math.ceil(least_s * SLACK / whole_s) if whole_s else 1
        return Rounds(train=_even(workload, times * whole_steps, count), passes=1)
    group = max(1, math.ceil(_TIMES_WHOLE * whole_steps / workload.steps_per_epoch))
    if pace.epoch_s is not None:
        wanted = least_s * SLACK / pace.epoch_s
        group = max(group, math.ceil(wanted))
        if wanted < 1 and divisible:
            steps = workload.steps_per_epoch
            splits = steps // math.ceil(wanted * steps)
    if count:
        epochs = math.ceil(count / splits) * group
    else:
        group = min(epochs, group)
    # Epochs that fill no group of their own join the others: no round is shorter than asked for.
    groups = epochs // group
    edges = [epochs * number // groups for number in range(groups + 1)]
    whole = [
        tuple(Part(epoch=epoch, first=0, last=workload.train_samples) for epoch in range(first, last))
        for first, last in pairwise(edges)
    ]
    train = whole if splits == 1 else [(part,) for (one,) in whole for part in _split(one, workload, splits)]
    together = 1 if count else group
    passes = 1 if pace.evaluate_s is None else math.ceil(least_s / together / pace.evaluate_s)
    return Rounds(train=tuple(train[:count]), passes=passes)


def _even(workload: Workload, steps: int, count: int | None) -> tuple[tuple[Part, ...], ...]:
    """Rounds of exactly so many steps: `count`, or as many as the workload's epochs hold."""
    an_epoch = workload.steps_per_epoch
    rounds = range(0, (count or workload.epochs * an_epoch // steps) * steps, steps)
    return tuple(
        tuple(
            _part(workload, epoch, max(first - epoch * an_epoch, 0), first + steps - epoch * an_epoch)
            for epoch in range(first // an_epoch, (first + steps - 1) // an_epoch + 1)
        )
        for first in rounds
    )


def _part(workload: Workload, epoch: int, first: int, last: int) -> Part:
    """Of an epoch the steps `first` to `last`, exclusive, as far as it has them."""
    size, samples = workload.batch_size, workload.train_samples
    return Part(epoch=epoch, first=first * size, last=min(last * size, samples))


def _split(whole: Part, workload: Workload, count: int) -> list[Part]:
    """An epoch in `count` parts of whole batches, whose numbers of steps differ by one at most."""
    steps = [workload.steps_per_epoch * number // count for number in range(count + 1)]
    return [_part(workload, whole.epoch, first, last) for first, last in pairwise(steps)]
