"""What the changes of an explanation add up to: a factor of speed and points of accuracy for each."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from typing import Any, Final

import numpy as np
import pandas as pd

from harness.analysis.intervals import FloatArray, ratio_interval
from harness.analysis.questions import Ratio, judge_questions
from harness.work.changes import FRAMEWORKS_OWN, WHOLE

# What is on no way to the other end: in no sum.
ASIDE: Final = "neither typed"

# Rows that are sums of others: the framework's own changes, what was typed, both; and what these leave open.
FRAMEWORK: Final = "the framework"
TYPED: Final = "what was typed"
TOGETHER: Final = "all changes together"
UNEXPLAINED: Final = "unexplained"

_SUMS: Final = (FRAMEWORK, TYPED, TOGETHER, UNEXPLAINED, WHOLE)

# The programs on either side of a change, as a question names them.
_AFTER: Final = "after"
_BEFORE: Final = "before"

# What a change is measured by: where that is in a row of changes, and how it adds up over changes.
_MEASURES: Final[dict[str, Callable[[pd.DataFrame], pd.Series]]] = {
    "speed": lambda changes: changes["train_ratio"].astype("float64").map(math.log),
    "evaluation": lambda changes: changes["eval_ratio"].astype("float64").map(math.log),
    "accuracy": lambda changes: changes["accuracy_after"] - changes["accuracy_before"],
}

_BOUNDS: Final = ("", "_low", "_high", "_least", "_most")

_DTYPES: Final[dict[Hashable, str]] = {
    "name": "str",
    "part": "str",
    "level_before": "str",
    "level_after": "str",
    "walks": "int32",
    "called": "str",
    **{f"{measure}{bound}": "float64" for measure in _MEASURES for bound in _BOUNDS},
}


def explanation(changes: pd.DataFrame) -> pd.DataFrame:
    """Sum up the walks of one explanation.

    Args:
        changes: one row a change and walk, columns as in `store.schema.CHANGES`.

    Returns:
        One row a change, those of the largest effect on speed first, then one a sum, one for the whole gap
        (`WHOLE`), measured with a second process of one end, and one a change beside the way. `part` of a
        change is what it belongs to, `FRAMEWORK`, `TYPED` or `ASIDE`, and null of all else. `called` says of
        each change in speed `faster`, `slower`, `equivalent` (within 3 %) or `inconclusive`, all changes as
        one family (`questions.judge_questions`). `speed` and `evaluation` are factors, `accuracy` is a
        difference of shares: means over walks, of factors on the log scale, so that the changes of complete
        walks multiply to `TOGETHER`. `_low` and `_high` bound the mean by Student's t over walks (95 %, each
        for itself), which sees the noise and the order alike; `_least` and `_most` are the extremes over
        walks. `UNEXPLAINED` is the whole gap over the product, walk by walk. What could not be computed is
        null.
    """
    asides = _asides(changes)
    measured = {name: by_walk(changes, name) for name in _MEASURES}
    called = _called(measured["speed"])
    levels = changes.drop_duplicates("name").set_index("name")
    rows = [
        {
            "name": name,
            "part": ASIDE if name in asides else _part(name),
            "level_before": levels["level_before"].get(name, ""),
            "level_after": levels["level_after"].get(name, ""),
            "walks": len(measured["speed"].get(name, pd.Series()).dropna()),
            "called": called.get(name),
            **_summary("speed", measured["speed"].get(name), math.exp),
            **_summary("evaluation", measured["evaluation"].get(name), math.exp),
            **_summary("accuracy", measured["accuracy"].get(name), float),
        }
        for name in _in_order(measured["speed"], asides)
    ]
    return pd.DataFrame(rows, columns=list(_DTYPES)).astype(_DTYPES)


def _called(speeds: pd.DataFrame) -> dict[str, str]:
    """What is said of each change in speed, corrected for how many are asked about."""
    asked = {Ratio(str(name), _AFTER, _BEFORE): str(name) for name in speeds if name not in _SUMS}
    samples = {ratio: speeds[name].dropna() for ratio, name in asked.items()}
    (judged,) = judge_questions({"what each change does": asked}, samples).values()
    said = {f"{_AFTER} faster": "faster", f"{_BEFORE} faster": "slower"}
    return {
        name: said.get(judged[ratio].verdict, str(judged[ratio].verdict)) for ratio, name in asked.items()
    }


def _part(name: str) -> str | None:
    if name in _SUMS:
        return None
    return FRAMEWORK if name in FRAMEWORKS_OWN else TYPED


def by_walk(changes: pd.DataFrame, measure: str) -> pd.DataFrame:
    """What each change did in each walk, and what they add up to.

    Args:
        changes: one row a change and walk, columns as in `store.schema.CHANGES`.
        measure: `speed`, `evaluation` or `accuracy`.

    Returns:
        One row a walk, one column a change and sum: logs of factors, or differences of shares. A sum is null
        in walks that lack one of its parts.
    """
    effects = _MEASURES[measure](changes).astype("float64")
    walks = changes.assign(effect=effects).pivot_table(
        index="replicate", columns="name", values="effect", dropna=False
    )
    asides = _asides(changes)
    single = [name for name in walks.columns if name != WHOLE and name not in asides]
    own = [name for name in single if name in FRAMEWORKS_OWN]
    typed = [name for name in single if name not in FRAMEWORKS_OWN]
    sums = {
        part: walks[names].sum(axis="columns", skipna=False)
        for part, names in ((FRAMEWORK, own), (TYPED, typed), (TOGETHER, single))
        if names
    }
    whole = walks.get(WHOLE, pd.Series(np.nan, index=walks.index))
    return walks.assign(**sums, **{UNEXPLAINED: whole - sums[TOGETHER], WHOLE: whole})


def _asides(changes: pd.DataFrame) -> list[str]:
    return list(changes.loc[changes["aside"].eq(True), "name"].unique())  # noqa: FBT003


def _in_order(speeds: pd.DataFrame, asides: list[str]) -> list[str]:
    """Changes by the size of their effect, then the sums, and what stands beside."""
    last = [name for name in (*_SUMS, *asides) if name in speeds]
    size = speeds.drop(columns=last).mean().abs().fillna(0.0)
    return [*map(str, size.sort_values(ascending=False, kind="stable").index), *last]


def _summary(
    measure: str, walks: pd.Series | None, scale: Callable[[float], float]
) -> dict[str, float | None]:
    """Mean, interval and extremes over walks, on the scale on which they are read."""
    sample: FloatArray = np.array([]) if walks is None else walks.dropna().to_numpy()
    if not sample.size:
        return {}
    interval = ratio_interval(sample)
    values: dict[str, Any] = {
        "": float(sample.mean()),
        "_low": None if interval.low is None else math.log(interval.low),
        "_high": None if interval.high is None else math.log(interval.high),
        "_least": float(sample.min()),
        "_most": float(sample.max()),
    }
    return {f"{measure}{bound}": None if value is None else scale(value) for bound, value in values.items()}
