"""Simulated matches on noisy machines: the logarithms of the round times a harness would have measured.

A round's log-time is the sum of what disturbs it: the speed its process was born with, the machine's
state at the moment it ran, and its own jitter. The contenders take turns in random order, an order and
its reverse in every block of two turns (for two: AB and BA, as the harness makes them), so each round sees
the machine at its own moment. Noise is sized after what turn-taking pairs on a busy two-core machine
showed: a few percent between replicates.

All true log-ratios are 0 in every scenario; all candidates are shift-equivariant, so this says nothing less
than any other values would.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from harness.analysis.intervals import FloatArray

ROUND_SD = 0.03
PROCESS_SD = 0.02
SECOND_SPEED = 0.08
BURSTS_A_SLOT = 0.1
BAD_PROCESSES = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How much is simulated: arrays are (simulations, replicates, rounds, contenders)."""

    simulations: int
    replicates: int
    rounds: int
    contenders: int = 2

    @property
    def cells(self) -> tuple[int, int, int, int]:
        return (self.simulations, self.replicates, self.rounds, self.contenders)

    @property
    def processes(self) -> tuple[int, int, int, int]:
        return (self.simulations, self.replicates, 1, self.contenders)

    @property
    def slots(self) -> tuple[int, int, int]:
        return (self.simulations, self.replicates, self.rounds * self.contenders)

    def first_only(self, share: float, others: float = 0.0) -> FloatArray:
        """(contenders,): one value for the first contender, another for all others."""
        return np.array([share] + [others] * (self.contenders - 1))


Noise = Callable[[np.random.Generator, Shape], FloatArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A kind of machine; `even` when chance treats all contenders alike, so that 0 is the only fair truth."""

    name: str
    describes: str
    noise: Noise
    even: bool = True


def jitter(rng: np.random.Generator, shape: Shape) -> FloatArray:
    return rng.normal(0, ROUND_SD, shape.cells)


def born(rng: np.random.Generator, shape: Shape) -> FloatArray:
    """Each fresh process has a speed of its own (memory layout, placement, hash seeds)."""
    return rng.normal(0, PROCESS_SD, shape.processes)


def when_it_ran(rng: np.random.Generator, machine: FloatArray, shape: Shape) -> FloatArray:
    """Deal the machine's state, one value a slot in time, to the contenders as they took turns."""
    orders = np.array(list(permutations(range(shape.contenders))))
    blocks = -(-shape.rounds // 2)
    there = orders[rng.integers(0, len(orders), (shape.simulations, shape.replicates, blocks))]
    places = np.stack([there, shape.contenders - 1 - there], axis=-2)
    places = places.reshape(shape.simulations, shape.replicates, -1, shape.contenders)[..., : shape.rounds, :]
    return np.take_along_axis(machine.reshape(shape.cells), places, axis=-1)


def white(rng: np.random.Generator, shape: Shape) -> FloatArray:
    return jitter(rng, shape)


def between_processes(rng: np.random.Generator, shape: Shape) -> FloatArray:
    return born(rng, shape) + jitter(rng, shape)


def drift(rng: np.random.Generator, shape: Shape) -> FloatArray:
    slope = rng.normal(0, 0.02, (shape.simulations, shape.replicates, 1))
    machine = slope * np.arange(shape.slots[-1])
    return between_processes(rng, shape) + when_it_ran(rng, machine, shape)


def autocorrelated(rng: np.random.Generator, shape: Shape) -> FloatArray:
    machine = _autoregressive(rng, shape.slots, correlation=0.8, sd=0.10)
    own = np.stack(
        [
            _autoregressive(rng, (*shape.slots[:2], shape.rounds), correlation=0.7, sd=ROUND_SD)
            for _ in range(shape.contenders)
        ],
        axis=-1,
    )
    return born(rng, shape) + own + when_it_ran(rng, machine, shape)


def bursts(rng: np.random.Generator, shape: Shape) -> FloatArray:
    """A competing process starts in a tenth of the slots, stays about three, and slows 1.2 to 5 times."""
    starts = rng.random(shape.slots) < BURSTS_A_SLOT
    busy = starts.copy()
    for _ in range(shape.slots[-1]):
        stays = np.roll(busy, 1, axis=-1) & (rng.random(shape.slots) < 2 / 3)
        stays[..., 0] = False
        busy = starts | stays
    machine = np.where(busy, rng.uniform(np.log(1.2), np.log(5), shape.slots), 0.0)
    return between_processes(rng, shape) + when_it_ran(rng, machine, shape)


def one_sided_bursts(rng: np.random.Generator, shape: Shape) -> FloatArray:
    hit = rng.random(shape.cells) < shape.first_only(0.15)
    return between_processes(rng, shape) + np.where(hit, rng.exponential(0.5, shape.cells), 0.0)


def heavy_rounds(rng: np.random.Generator, shape: Shape) -> FloatArray:
    return born(rng, shape) + ROUND_SD * rng.standard_t(1.5, shape.cells)


def bad_processes(rng: np.random.Generator, shape: Shape) -> FloatArray:
    """One process in twenty is slow for its whole life, by 10 to 50 %."""
    bad = rng.random(shape.processes) < BAD_PROCESSES
    return between_processes(rng, shape) + np.where(bad, rng.uniform(0.1, 0.4, shape.processes), 0.0)


def two_speeds(rng: np.random.Generator, shape: Shape) -> FloatArray:
    """Half of all processes are 8 % slower for life (an unlucky alignment, say)."""
    slow = rng.random(shape.processes) < 1 / 2
    speeds: FloatArray = np.where(slow, SECOND_SPEED, 0.0)
    return jitter(rng, shape) + speeds


def skewed_processes(rng: np.random.Generator, shape: Shape) -> FloatArray:
    return jitter(rng, shape) + rng.exponential(1.5 * PROCESS_SD, shape.processes)


def one_sided_skew(rng: np.random.Generator, shape: Shape) -> FloatArray:
    skewed: FloatArray = rng.exponential(1.5 * PROCESS_SD, shape.processes) * shape.first_only(1.0)
    steady: FloatArray = rng.normal(0, 0.5 * PROCESS_SD, shape.processes) * shape.first_only(0.0, 1.0)
    return jitter(rng, shape) + skewed + steady


def one_sided_two_speeds(rng: np.random.Generator, shape: Shape) -> FloatArray:
    slow = rng.random(shape.processes) < shape.first_only(1 / 2)
    speeds: FloatArray = np.where(slow, SECOND_SPEED, 0.0)
    return jitter(rng, shape) + speeds


def everything(rng: np.random.Generator, shape: Shape) -> FloatArray:
    """Drift, correlation, bursts and bad processes at once."""
    parts = (drift, autocorrelated, bursts, bad_processes)
    total = np.stack([part(rng, shape) for part in parts]).sum(axis=0)
    return np.asarray(total / len(parts) ** 0.5)


def _autoregressive(
    rng: np.random.Generator, size: tuple[int, ...], *, correlation: float, sd: float
) -> FloatArray:
    """First-order autoregression along the last axis, stationary from its first value."""
    series = rng.normal(0, sd, size)
    for step in range(1, size[-1]):
        series[..., step] *= np.sqrt(1 - correlation**2)
        series[..., step] += correlation * series[..., step - 1]
    return series


SCENARIOS = (
    Scenario(name="white", describes="independent 3 % jitter of rounds, nothing else", noise=white),
    Scenario(
        name="processes",
        describes="each process has its own speed (sd 2 %), rounds jitter by 3 %",
        noise=between_processes,
    ),
    Scenario(name="drift", describes="the machine slows or speeds up by about 2 % a round", noise=drift),
    Scenario(
        name="correlated",
        describes="the machine's speed wanders (sd 10 %, correlation 0.8), jitter is correlated too",
        noise=autocorrelated,
    ),
    Scenario(
        name="bursts", describes="a competitor comes and goes, slowing rounds 1.2 to 5 times", noise=bursts
    ),
    Scenario(name="heavy rounds", describes="jitter is Student t with 1.5 degrees", noise=heavy_rounds),
    Scenario(
        name="bad processes", describes="1 process in 20 is 10 to 50 % slow for life", noise=bad_processes
    ),
    Scenario(name="two speeds", describes="half of all processes are 8 % slower for life", noise=two_speeds),
    Scenario(
        name="skewed processes",
        describes="processes are slow by an exponential amount, all contenders alike",
        noise=skewed_processes,
    ),
    Scenario(
        name="everything",
        describes="drift, correlation, bursts and bad processes together",
        noise=everything,
    ),
    Scenario(
        name="one-sided bursts",
        describes="15 % of one contender's rounds are slow by an exponential amount (mean 0.5)",
        noise=one_sided_bursts,
        even=False,
    ),
    Scenario(
        name="one-sided skew",
        describes="one contender's processes are exponential, the others' normal and steady",
        noise=one_sided_skew,
        even=False,
    ),
    Scenario(
        name="one-sided two speeds",
        describes="half of one contender's processes are 8 % slower for life",
        noise=one_sided_two_speeds,
        even=False,
    ),
)
