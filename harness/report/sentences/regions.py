"""Who leads where, in words: what many cases come to along the size of the work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from harness.analysis.crossing import step_flop
from harness.analysis.regions import Region, Standing, regions, standings
from harness.analysis.statistics import Verdict
from harness.report import words
from harness.report.sentences.cases import describe, differing
from harness.report.sentences.ratios import Answer
from harness.work.records import Phase
from harness.work.workload import Mode, Workload, widths

# Fewer cases are read sooner each by itself.
_FEWEST_CASES: Final = 6
# Cases of a question share the rest.
_ALONG: Final = frozenset({"hidden"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Axis:
    """A size of the work: its column, how a number of it is told, and what that is of."""

    column: str
    told: Callable[[float], str]
    what: str


def _million(amount: float) -> str:
    return words.number(amount / 1e6)


def _thousand(amount: float) -> str:
    return words.number(amount / 1e3)


# The first of them along which each answer has one place is told.
_AXES: Final = (
    _Axis(column="step_flop", told=_million, what="million additions and multiplications a step"),
    _Axis(column="parameters", told=_thousand, what="thousand weights of the network"),
    _Axis(column="batch_size", told=words.count, what="samples a batch"),
)


def by_region(judged: pd.DataFrame, *, margin: float = 0.03) -> list[Answer]:
    """Sentences for cases that differ in batch size and network, where there are many.

    `judged` is what `answer.judge` returns. What the listings of the article do has no arithmetic in common.
    """
    rows = judged[(judged["phase"] == Phase.TRAIN) & (judged["mode"] != Mode.ARTICLE)]
    apart = [part for part in differing(rows) if part not in _ALONG]
    where = pd.Series([describe(case, apart) for case in rows.to_dict("records")], index=rows.index)
    return [
        answer
        for place, of_place in _sized(rows).groupby(where, sort=False)
        if of_place["case_id"].nunique() >= _FEWEST_CASES
        for answer in _told(of_place, str(place), margin)
    ]


def _sized(rows: pd.DataFrame) -> pd.DataFrame:
    weights = {hidden: Workload(hidden=widths(hidden)).parameter_count for hidden in rows["hidden"].unique()}
    return rows.assign(step_flop=step_flop(rows), parameters=rows["hidden"].map(weights))


def _told(rows: pd.DataFrame, place: str, margin: float) -> Iterator[Answer]:
    """An answer a region; one alone where there are none."""
    where = f"{place or 'On ' + words.device(rows['device'].iloc[0])}, all sizes"
    known, cases = standings(rows, _AXES[0].column), rows["case_id"].nunique()
    sure = f"{len(known)} of {words.plural(cases, 'case')} decided, each on its own"
    # Half of the cases at least: of all sizes a few say nothing.
    if 2 * len(known) < cases:
        return
    found = {axis: regions(standings(rows, axis.column)) for axis in _AXES}
    axis = next((one for one in _AXES if found[one]), None)
    if axis is None:
        yield Answer(where=where, says=_scattered(known, cases - len(known)), sure=sure, verdict=None)
        return
    frameworks, ordered = list(dict.fromkeys([*rows["speed_of"], *rows["speed_over"]])), found[axis] or []
    for number, region in enumerate(ordered):
        reach = _reach(region, axis, first=number == 0, last=number == len(ordered) - 1)
        yield Answer(
            where=where,
            says=f"{reach} {_lead(region.leaders, frameworks, margin)}",
            sure=f"{words.plural(len(region.case_ids), 'case')} with this answer; {sure}",
            verdict=_verdict(region.leaders, frameworks),
        )


def _reach(region: Region, axis: _Axis, *, first: bool, last: bool) -> str:
    least, most = axis.told(region.least), axis.told(region.most)
    if first and last:
        return f"at every size, from {least} to {most} {axis.what},"
    if first:
        return f"up to about {most} {axis.what}"
    if last:
        return f"from about {least} {axis.what}"
    return f"at about {least} {axis.what}" if least == most else f"from about {least} to {most} {axis.what}"


def _lead(leaders: Sequence[str], frameworks: Sequence[str], margin: float) -> str:
    names = words.listed(map(words.framework, leaders))
    if len(leaders) == 1:
        return f"{names} trains {'faster' if len(frameworks) <= 2 else 'fastest'}"  # noqa: PLR2004  (one other)
    if len(leaders) == len(frameworks):
        return f"{names} train equally fast, within {100 * margin:g} %"
    return f"{names} train fastest, equally fast within {100 * margin:g} %"


def _verdict(leaders: Sequence[str], frameworks: Sequence[str]) -> str | None:
    """The region's, as a case's is named."""
    if len(leaders) == 1:
        return f"{leaders[0]} faster"
    return Verdict.EQUIVALENT if len(leaders) == len(frameworks) else None


def _scattered(known: Sequence[Standing], open_: int) -> str:
    """Who leads how often, where the arithmetic does not order it."""
    counts = Counter(one.leaders for one in known).most_common()
    told = [
        f"{words.listed(map(words.framework, leaders))} {'leads' if len(leaders) == 1 else 'lead together'} "
        f"in {count}"
        for leaders, count in counts
    ]
    unknown = [f"it is not known in {open_}"] if open_ else []
    return "no one size of the work says who is faster: " + words.listed([*told, *unknown])
