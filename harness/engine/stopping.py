"""When a run has measured enough: decided by time, never by what the numbers say."""

from __future__ import annotations

import time
from collections.abc import Callable


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

    def expected_s(self, case_id: str) -> float | None:
        """The longest pair of this case so far; None before its first."""
        return self._longest_s.get(case_id)
