"""What a step of the self-check says: pass, fail or could not, in one sentence, with what it read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """`COULD_NOT` is no judgement: what a step needs is not here, or the machine is too noisy to tell."""

    PASSED = "pass"
    FAILED = "fail"
    COULD_NOT = "could not"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One thing that was read: a number with its unit, words without one, or None where there is none.

    `allowed` says in words what it was held against.
    """

    what: str
    value: float | str | None
    unit: str = ""
    allowed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One step's answer; `sentence` ends without a full stop."""

    state: State
    sentence: str
    readings: tuple[Reading, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A step that has run. It took `wall_s` of the `limit_s` that it was given."""

    name: str
    title: str
    outcome: Outcome
    wall_s: float
    limit_s: float


def could_not(why: str, readings: Sequence[Reading] = ()) -> Outcome:
    return Outcome(state=State.COULD_NOT, sentence=f"could not: {why}", readings=tuple(readings))


def together(outcomes: Sequence[Outcome]) -> Outcome:
    """Several outcomes of one step as one: the worst state, and the sentences of those that are in it."""
    worst = next(
        state
        for state in (State.FAILED, State.COULD_NOT, State.PASSED)
        if any(one.state is state for one in outcomes)
    )
    said = dict.fromkeys(one.sentence for one in outcomes if one.state is worst)
    return Outcome(
        state=worst,
        sentence="; ".join(said),
        readings=tuple(reading for one in outcomes for reading in one.readings),
    )
