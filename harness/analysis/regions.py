"""Who leads where: along a size of the work, neighbouring cases with the same answer are one region."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np
import pandas as pd

from harness.analysis.statistics import Verdict
from harness.analysis.verdicts import winner


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The leaders of a case: one framework that is ahead of all others, or several that are equivalent."""

    case_id: str
    leaders: tuple[str, ...]
    size: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """Cases with the same leaders, next to each other by their size."""

    leaders: tuple[str, ...]
    case_ids: tuple[str, ...]
    least: float
    most: float


def standings(judged: pd.DataFrame, along: str) -> list[Standing]:
    """The cases whose leaders are known, by a size of their work.

    Args:
        judged: verdicts of training, a row for every two frameworks of a case.
        along: the column with the size: the arithmetic of a step, say.

    Returns:
        Those in which each framework that no verdict calls slower is equivalent to every other such one.
    """
    rows = judged.sort_values([along, "case_id"], kind="stable")
    found = [(str(case_id), _leaders(of_case)) for case_id, of_case in rows.groupby("case_id", sort=False)]
    sizes = rows.drop_duplicates("case_id").set_index("case_id")[along]
    return [
        Standing(case_id=case_id, leaders=leading, size=float(sizes[case_id]))
        for case_id, leading in found
        if leading
    ]


def regions(known: Sequence[Standing]) -> list[Region] | None:
    """The regions of these cases, in which each has the leaders that it has in no other region.

    Args:
        known: in the order of their size, as `standings` gives them.

    Returns:
        None where the same leaders come up in two places: then it is not this size alone that decides.
    """
    found = [_region(list(run)) for _, run in groupby(_in_order(known), key=lambda one: one.leaders)]
    apart = {region.leaders for region in found}
    # A size at which the answer changes belongs to both sides; one that is all of a side belongs to neither.
    tied = any(
        one.most == other.least and (one.least == one.most or other.least == other.most)
        for one, other in pairwise(found)
    )
    return None if len(apart) < len(found) or tied else found


def _in_order(known: Sequence[Standing]) -> list[Standing]:
    """Of cases of the same size, first those that go on as the ones before them."""
    ordered: list[Standing] = []
    for _, alike in groupby(known, key=lambda one: one.size):
        before = ordered[-1].leaders if ordered else None
        ordered += sorted(alike, key=lambda one: (one.leaders != before, one.leaders))
    return ordered


def deciding(judged: pd.DataFrame) -> pd.DataFrame:
    """Of each case the row that says most of who leads it: that of the leader, or of who is called level, and
    whoever comes closest.

    Args:
        judged: verdicts, a row for every two frameworks of a case; of two frameworks all are given back.

    Returns:
        One row a case, in the order of `judged`. Where it is not known who leads, it is inconclusive.
    """
    kept = [_deciding(of_case) for _, of_case in judged.groupby("case_id", sort=False)]
    return pd.concat(kept) if kept else judged


def _deciding(of_case: pd.DataFrame) -> pd.DataFrame:
    if len(of_case) == 1 or of_case["verdict"].isna().any():
        return of_case.head(1)
    leading = _leaders(of_case)
    within = of_case["speed_of"].isin(leading) & of_case["speed_over"].isin(leading)
    ahead = of_case["speed_of"].isin(leading) | of_case["speed_over"].isin(leading)
    told = of_case[within if len(leading) > 1 else ahead] if leading else _foremost(of_case)
    closest = (
        told.loc[[np.log(told["speed_ratio"]).abs().idxmin()]] if told["speed_ratio"].notna().any() else told
    )
    return closest.head(1) if leading else closest.head(1).assign(verdict=str(Verdict.INCONCLUSIVE))


def _foremost(of_case: pd.DataFrame) -> pd.DataFrame:
    """The rows of whoever is ahead by the estimates."""
    lead = pd.concat(
        [
            np.log(of_case["speed_ratio"]).groupby(of_case["speed_of"]).sum(),
            -np.log(of_case["speed_ratio"]).groupby(of_case["speed_over"]).sum(),
        ]
    )
    first = lead.groupby(level=0).sum().idxmax()
    return of_case[of_case["speed_of"].eq(first) | of_case["speed_over"].eq(first)]


def _region(run: list[Standing]) -> Region:
    return Region(
        leaders=run[0].leaders,
        case_ids=tuple(one.case_id for one in run),
        least=run[0].size,
        most=run[-1].size,
    )


def _leaders(of_case: pd.DataFrame) -> tuple[str, ...]:
    """Nobody where it is not known who leads."""
    two = [
        (str(one), str(other)) for one, other in zip(of_case["speed_of"], of_case["speed_over"], strict=True)
    ]
    faster = [winner(verdict) for verdict in of_case["verdict"]]
    beaten = {
        name for pair, first in zip(two, faster, strict=True) if first for name in pair if name != first
    }
    ahead = tuple(dict.fromkeys(name for pair in two for name in pair if name not in beaten))
    level = {
        frozenset(pair)
        for pair, verdict in zip(two, of_case["verdict"], strict=True)
        if verdict == Verdict.EQUIVALENT
    }
    open_ = [pair for pair in two if set(pair) <= set(ahead) and frozenset(pair) not in level]
    return () if open_ else ahead
