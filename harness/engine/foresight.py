"""Whether a budget will do, by what the first matches took and how replicates vary. It stops nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.engine.stopping import Budget, Like, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What so many cases need, as far as can be told: `replicates` the one that needs most, `needs_s` all.

    That is for a verdict in each or, with `within`, to know each within that share. `needs_s` are seconds of
    measuring from the beginning of the run.
    """

    cases: int
    within: float | None
    replicates: int
    needs_s: float

    def beyond(self, most: int) -> str:
        """What stands in the way beside time, where a case has `most` replicates at most."""
        return f", and more than REPLICATES={most} allows" if self.replicates > most else ""


def verdict_need(budget: Budget, cases: int, replicates: int, to_come: Sequence[Like]) -> Need:
    """What a verdict in every case takes, which has these matches before it."""
    needs_s = budget.spent_s + sum(budget.usual_s(match.kind) for match in to_come)
    return Need(cases=cases, within=None, replicates=replicates, needs_s=needs_s)


def width_need(budget: Budget, target: Target, asked: Mapping[str, Sequence[str]]) -> Need | None:
    """What it takes to know all cases as well as the target asks; None before any can tell.

    `asked` has, by the kind of a case's matches, the names of what has to be known. A case that cannot tell
    yet is taken to need what the others do.
    """
    needed = {
        kind: max(replicates)
        for kind, names in asked.items()
        if (replicates := [found for name in names if (found := target.needs(name)) is not None])
    }
    if not needed:
        return None
    most = max(needed.values())
    missing_s = 0.0
    for kind, names in asked.items():
        measured = min(len(target.log_ratios(name)) for name in names)
        missing_s += max(needed.get(kind, most) - measured, 0) * budget.usual_s(kind)
    return Need(cases=len(asked), within=target.within, replicates=most, needs_s=budget.spent_s + missing_s)
