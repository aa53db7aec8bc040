"""What the other workers of a match cost one: its speed beside them over its speed alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from harness.analysis.intervals import ratio_interval


def beside_others(residents: pd.DataFrame) -> pd.DataFrame:
    """A row a framework, batch size and number of partners.

    Args:
        residents: one row a worker and number of partners, columns as in `store.schema.RESIDENTS`.

    Returns:
        `framework`, `batch_size`, `partners`, `ratio` (below 1, they cost), its `low` and `high` (None where
        one worker was measured) and `replicates`.
    """
    rows: list[dict[str, Any]] = []
    asked = ["framework", "batch_size", "partners"]
    for names, of in residents.groupby(asked, sort=False):
        found = ratio_interval(np.log(of["speed_ratio"]))
        told = {"ratio": found.estimate, "low": found.low, "high": found.high, "replicates": found.replicates}
        rows.append(dict(zip(asked, names, strict=True)) | told)
    return pd.DataFrame(rows, columns=[*asked, "ratio", "low", "high", "replicates"])
