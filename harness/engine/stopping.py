"""When a run has measured enough: decided by time, never by what the numbers say."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence


class Budget:
    """Seconds a run may measure for.

    A pair is started only when the longest pair of its case so far would still fit, so a run ends
    within its budget; the first pair of each case is always measured.
    """

    def __init__(self, budget_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.budget_s = budget_s
        self._clock = clock
        self._begin_s = clock()
        self._longest_s: dict[str, float] = {}

    @property
    def spent_s(self) -> float:
        return self._clock() - self._begin_s

    def allows(self, case_id: str) -> bool:
        """Whether another pair of this case fits."""
        if case_id not in self._longest_s:
            return True
        return self.spent_s + self._longest_s[case_id] <= self.budget_s

    def record(self, case_id: str, pair_s: float) -> None:
        """Tell how long a pair of this case took."""
        self._longest_s[case_id] = max(pair_s, self._longest_s.get(case_id, 0.0))

    def time_left_s(self, case_ids: Sequence[str]) -> float | None:
        """How long measuring these pairs will take; None before the first pair of the run.

        The first pair of a case is measured whatever it costs, and counts as the mean of the cases that
        are known; the others take at most what is left of the budget.
        """
        if not self._longest_s:
            return None
        mean_s = statistics.mean(self._longest_s.values())
        firsts_s = mean_s * len(set(case_ids) - set(self._longest_s))
        all_s = sum(self._longest_s.get(case_id, mean_s) for case_id in case_ids)
        return firsts_s + min(all_s - firsts_s, max(self.budget_s - self.spent_s - firsts_s, 0.0))
