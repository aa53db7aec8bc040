"""When a run has measured enough: by time, or by how narrow an interval is; never by who is ahead."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from typing import Final, NamedTuple

from harness.analysis.closing import Closing
from harness.analysis.intervals import ratio_interval, replicates_within
from harness.analysis.statistics import MIN_REPLICATES
from harness.settings.matches import Match


class Like(NamedTuple):
    """Matches that take about as long: of one kind, with so many seats (not all ways sit in each match)."""

    kind: str
    seats: int = 2


def like(match: Match) -> Like:
    """What a match is like, for how long it takes."""
    return Like(match.kind, len(match.contenders))


class Budget:
    """Seconds a run may measure for, of which earlier sittings may have spent some.

    A match is started only when the longest one like it so far would still fit, and the first of its kind
    only when what it should take would, where that is known: so a run ends within its budget. The first match
    of all is always measured.
    """

    def __init__(
        self, budget_s: float, clock: Callable[[], float] = time.monotonic, *, spent_s: float = 0.0
    ) -> None:
        self.budget_s = budget_s
        self._clock = clock
        self._begin_s = clock() - spent_s
        self._took_s: dict[Like, list[float]] = {}

    @property
    def spent_s(self) -> float:
        return self._clock() - self._begin_s

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """What the block takes is not spent: nothing is measured in it."""
        began_s = self._clock()
        try:
            yield
        finally:
            self._begin_s += self._clock() - began_s

    @property
    def is_spent(self) -> bool:
        return self.spent_s >= self.budget_s

    @property
    def left_s(self) -> float:
        return max(self.budget_s - self.spent_s, 0.0)

    def record(self, match: Like, match_s: float) -> None:
        """Tell how long such a match took."""
        self._took_s.setdefault(match, []).append(match_s)

    def allows(self, match: Like, first_s: float | None = None) -> bool:
        """Whether another such match fits; `first_s` is what the first of its kind should take, if known."""
        longest_s = self.longest_s(match)
        needs_s = first_s if longest_s is None else longest_s
        return needs_s is None or not self._took_s or self.spent_s + needs_s <= self.budget_s

    def longest_s(self, match: Like) -> float | None:
        """How long the longest match of its size took, or where there is none of its kind.

        One of a size that is new takes no longer than the longest of its kind has. None where none of the
        kind has been measured.
        """
        return max(self._took_s.get(match, ()) or self._of_kind(match.kind), default=None)

    def usual_s(self, kind: str) -> float:
        """What a match of a kind usually takes, or where there is none any; after the first match only."""
        return statistics.median(self._of_kind(kind) or chain.from_iterable(self._took_s.values()))

    def _of_kind(self, kind: str) -> list[float]:
        return [took_s for like, of in self._took_s.items() if like.kind == kind for took_s in of]

    def time_left_s(self, matches: Mapping[Like, int]) -> float | None:
        """How long so many of these will take, at most what is left; None before the first of the run.

        The first match of a kind counts as the mean of those that are known.
        """
        if not self._took_s:
            return None
        mean_s = statistics.mean(map(max, self._took_s.values()))
        needs_s = 0.0
        for match, times in matches.items():
            longest_s = self.longest_s(match)
            needs_s += times * (mean_s if longest_s is None else longest_s)
        return min(needs_s, self.left_s)


# After the first look that was narrow enough, so many more replicates are measured: a run stops most readily
# when its few replicates happen to agree, and these make up for it.
EXTRA: Final = 2


class Target:
    """Which cases are known well enough: their ratio's interval is as narrow as was asked for.

    The first look is at `MIN_REPLICATES`, and after the first look that was narrow enough, `EXTRA` more
    replicates are measured (docs/decisions/0002-the-interval.md has what each choice costs).
    """

    def __init__(self, within: float) -> None:
        self.within = within
        self._log_ratios: dict[str, list[float]] = {}
        self._narrow_at: dict[str, int] = {}

    def record(self, case_id: str, log_ratio: float) -> None:
        """Tell the log-ratio of a finished replicate; one that is not a number says nothing."""
        if not math.isfinite(log_ratio):
            return
        known = self._log_ratios.setdefault(case_id, [])
        known.append(log_ratio)
        if len(known) < MIN_REPLICATES or case_id in self._narrow_at:
            return
        half_width = ratio_interval(known).half_width
        if half_width is not None and half_width <= self.within:
            self._narrow_at[case_id] = len(known)

    def log_ratios(self, case_id: str) -> list[float]:
        return self._log_ratios.get(case_id, [])

    def needs(self, case_id: str) -> int | None:
        """How many replicates the case will have had by then, if they go on to vary as they do.

        None as long as there are too few to tell.
        """
        known = self.log_ratios(case_id)
        if case_id in self._narrow_at:
            return self._narrow_at[case_id] + EXTRA
        if len(known) < MIN_REPLICATES:
            return None
        return max(replicates_within(known, self.within), len(known)) + EXTRA

    def reached(self, case_id: str) -> bool:
        """Whether nothing more is needed of this case."""
        narrow_at = self._narrow_at.get(case_id)
        return narrow_at is not None and len(self._log_ratios[case_id]) >= narrow_at + EXTRA


class Closed:
    """Whether the walks of an explanation close surely enough (`analysis.closing`), by `Target`'s rule."""

    def __init__(self) -> None:
        self._closed_at: int | None = None
        self._walks = 0

    def record(self, so_far: Closing) -> None:
        """Tell how the walks close after one more."""
        if self._closed_at is None and so_far.closes:
            self._closed_at = so_far.walks
        self._walks = so_far.walks

    @property
    def reached(self) -> bool:
        """Whether no more walks are needed."""
        return self._closed_at is not None and self._walks >= self._closed_at + EXTRA
