"""Which way is each framework's fastest: found in a short match of all ways, whose rounds judge nothing.

The fastest of several noisy readings looks faster than it is. So what a pilot measured chooses, and no more:
the ways that it chose meet again in fresh processes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from harness.engine.conditions import Conditions
from harness.engine.ratios import Ratios
from harness.settings.lineup import SLOW, Lineup
from harness.settings.matches import Match
from harness.work.contender import Contender
from harness.work.records import Trial
from harness.work.workload import USUAL

# A pilot is over when each way has trained for so long.
_ENOUGH_S: Final = 0.5


def short(conditions: Conditions) -> Conditions:
    """A pilot's: nothing but training is measured, and little of it."""
    return replace(conditions, enough_s=_ENOUGH_S, speed_only=True)


def chosen(match: Match, trials: Sequence[Trial]) -> Lineup:
    """Who sits in a case's matches, by what its pilot has measured.

    A framework's chosen way is the one with the highest speed over its usual loop; the loop itself where
    nothing is known to be faster. A way that did not finish in the pilot sits nowhere.
    """
    measured = Ratios(trials)
    usual = {one.framework: seat for seat, one in enumerate(match.contenders) if one.case.way == USUAL}
    log_ratios = {
        seat: _log_ratio(measured, seat, usual[one.framework]) for seat, one in enumerate(match.contenders)
    }
    best = {
        framework: max(
            (seat for seat, one in enumerate(match.contenders) if one.framework == framework),
            # Of equals the loop, which comes first.
            key=lambda seat: (log_ratios[seat], -seat),
        )
        for framework in usual
    }
    core = {*usual.values(), *best.values()}
    beside = [seat for seat in match.seats if seat not in core and math.isfinite(log_ratios[seat])]
    slow = [seat for seat in beside if log_ratios[seat] <= -math.log(SLOW)]

    def of(seats: Sequence[int]) -> tuple[Contender, ...]:
        return tuple(match.contenders[seat] for seat in seats)

    return Lineup(
        usual=of(list(usual.values())),
        chosen=of(list(best.values())),
        others=of([seat for seat in beside if seat not in slow]),
        slow=of(slow),
    )


def _log_ratio(measured: Ratios, seat: int, usual: int) -> float:
    """A way's speed over its loop's; none at all where either did not finish."""
    if seat == usual:
        return 0.0
    log_ratio = measured.log_ratio(seat, usual)
    return -math.inf if log_ratio is None else log_ratio
