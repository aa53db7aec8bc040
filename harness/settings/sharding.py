"""A plan in parts, each for one host: whole matches, dealt as evenly as they can be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar


class _OfAKind(Protocol):
    """A match, as far as dealing goes: `kind` is the case, the control, or what is learned of a case."""

    @property
    def kind(self) -> str: ...


Dealt = TypeVar("Dealt", bound=_OfAKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """Part `number`, from 1, of the `of` parts of a plan: what one host measures, in whole matches."""

    plan_id: str
    number: int
    of: int

    @property
    def run_id(self) -> str:
        """Of the run that measures it, on whichever host and however often."""
        return f"{run_prefix(self.plan_id)}{self.number:04d}"

    def deal(self, matches: Iterable[Dealt]) -> Iterator[Dealt]:
        """Its share of a plan's matches, in their order."""
        return iter(dealt(matches, self.of)[self.number - 1])


def dealt(matches: Iterable[Dealt], of: int) -> list[list[Dealt]]:
    """The matches in `of` parts: of each kind every `of`-th, in their order.

    Kinds begin at different parts. Where they cannot be divided evenly, no part has more of them all.
    """
    parts: list[list[Dealt]] = [[] for _ in range(of)]
    next_part: dict[str, int] = {}
    for match in matches:
        part = next_part.setdefault(match.kind, len(next_part))
        next_part[match.kind] += 1
        parts[part % of].append(match)
    return parts


def run_prefix(plan_id: str) -> str:
    """What the names of all runs of a plan begin with."""
    return f"{plan_id}-s"
