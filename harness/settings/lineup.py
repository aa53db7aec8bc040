"""Who sits in the matches of `MODE=best`: every way at first, then those that are worth their time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from harness.settings.matches import Match
from harness.work.contender import Contender

# Ways that are neither a usual loop nor chosen sit in one of so many replicates: there an interval is worth
# little, and each costs a start.
EVERY: Final = 3

# One that takes so many times as long as its framework's usual loop sits in two of them: enough for an
# interval.
SLOW: Final = 2.0
SLOW_SITTINGS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineup:
    """The ways of one case, as a pilot found them.

    `usual` is each framework's loop and `chosen` its fastest way, both in the order of the run's frameworks;
    a loop can be both. They sit in every match. `others` sit beside them in the first of every `EVERY`
    replicates, and the `slow` ones there too, until they have sat `SLOW_SITTINGS` times.
    """

    usual: tuple[Contender, ...]
    chosen: tuple[Contender, ...]
    others: tuple[Contender, ...] = ()
    slow: tuple[Contender, ...] = ()

    def match(self, replicate: int) -> Match:
        """The match of a replicate: loops and chosen ways sit in each of its parts."""
        shared = tuple(dict.fromkeys((*self.usual, *self.chosen)))
        beside: tuple[Contender, ...] = ()
        if replicate % EVERY == 0:
            slow = self.slow if replicate < EVERY * SLOW_SITTINGS else ()
            beside = (*self.others, *slow)
        contenders = (*shared, *beside)
        return Match(
            contenders=contenders,
            replicate=replicate,
            chosen=tuple(contenders.index(one) for one in self.chosen),
            shared=len(shared) if beside else len(shared) - 1,
        )


def seats_needed(ways: int, loops: int, replicates: int) -> int:
    """How many seats so many ways take, `loops` of them usual ones, in a pilot and as many replicates.

    Of each framework a loop and another way are taken to sit in every match.
    """
    full = -(-replicates // EVERY)
    return (1 + full) * ways + (replicates - full) * min(ways, 2 * loops)


def pilot(ways: tuple[Contender, ...], usual: int) -> Match:
    """A match of all ways, the `usual` loops first, whose rounds choose and judge nothing."""
    return Match(contenders=ways, replicate=0, pilot=True, shared=min(usual, len(ways) - 1))
