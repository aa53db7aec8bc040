"""When a run has measured enough: by time, or by how narrow an interval is; never by who is ahead."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Final

from harness.analysis.closing import Closing
from harness.analysis.statistics import MIN_REPLICATES, ratio_interval


class Budget:
    """Seconds a run may measure for.

    A match is started only when the longest match of its case so far would still fit, so a run ends
    within its budget; the first match of each case is always measured.
    """

    def __init__(self, budget_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.budget_s = budget_s
        self._clock = clock
        self._begin_s = clock()
        self._longest_s: dict[str, float] = {}

    @property
    def spent_s(self) -> float:
        return self._clock() - self._begin_s

    @property
    def is_spent(self) -> bool:
        return self.spent_s >= self.budget_s

    def knows(self, case_id: str) -> bool:
        """Whether a match of this case has been measured."""
        return case_id in self._longest_s

    @property
    def left_s(self) -> float:
        return max(self.budget_s - self.spent_s, 0.0)

    def longest_s(self, case_id: str) -> float:
        """How long the longest match of this case took; nothing where none has been measured."""
        return self._longest_s.get(case_id, 0.0)

    def allows(self, case_id: str) -> bool:
        """Whether another match of this case fits."""
        if case_id not in self._longest_s:
            return True
        return self.spent_s + self._longest_s[case_id] <= self.budget_s

    def record(self, case_id: str, match_s: float) -> None:
        """Tell how long a match of this case took."""
        self._longest_s[case_id] = max(match_s, self._longest_s.get(case_id, 0.0))

    def time_left_s(self, case_ids: Sequence[str]) -> float | None:
        """How long measuring these matches will take; None before the first match of the run.

        The first match of a case is measured whatever it costs, and counts as the mean of the cases that
        are known; the others take at most what is left of the budget.
        """
        if not self._longest_s:
            return None
        mean_s = statistics.mean(self._longest_s.values())
        firsts_s = mean_s * len(set(case_ids) - set(self._longest_s))
        all_s = sum(self._longest_s.get(case_id, mean_s) for case_id in case_ids)
        return firsts_s + min(all_s - firsts_s, max(self.budget_s - self.spent_s - firsts_s, 0.0))


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
