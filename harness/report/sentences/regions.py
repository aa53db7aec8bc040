"""Who leads where, in words: what many cases come to along the arithmetic of a training step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

import pandas as pd

from harness.analysis.crossing import step_flop
from harness.analysis.regions import Region, Standing, regions, standings
from harness.analysis.statistics import Verdict
from harness.report import words
from harness.report.sentences.cases import describe, differing
from harness.report.sentences.ratios import Answer
from harness.work.records import Phase
from harness.work.workload import Mode

# Fewer cases are read sooner each by itself.
_FEWEST_CASES: Final = 6
# Cases of a question share the rest.
_ALONG: Final = frozenset({"hidden"})
_WHAT: Final = "million additions and multiplications a step"


def by_region(judged: pd.DataFrame, *, margin: float = 0.03) -> list[Answer]:
    """Sentences for cases that differ in batch size and network, where there are many.

    `judged` is what `answer.judge` returns. What the listings of the article do has no arithmetic in common.
    """
    rows = judged[(judged["phase"] == Phase.TRAIN) & (judged["mode"] != Mode.ARTICLE)]
    apart = [part for part in differing(rows) if part not in _ALONG]
    where = pd.Series([describe(case, apart) for case in rows.to_dict("records")], index=rows.index)
    return [
        answer
        for place, of_place in rows.assign(step_flop=step_flop(rows)).groupby(where, sort=False)
        if of_place["case_id"].nunique() >= _FEWEST_CASES
        for answer in _told(of_place, str(place), margin)
    ]


def _told(rows: pd.DataFrame, place: str, margin: float) -> Iterator[Answer]:
    """An answer a region; one alone where there are none."""
    known, cases = standings(rows), rows["case_id"].nunique()
    where = f"{place or 'On ' + words.device(rows['device'].iloc[0])}, all sizes"
    open_ = cases - len(known)
    sure = f"{len(known)} of {words.plural(cases, 'case')} decided, each on its own"
    if not known:
        return
    found = regions(known)
    if found is None:
        yield Answer(where=where, says=_scattered(known, open_), sure=sure, verdict=None)
        return
    frameworks = list(dict.fromkeys([*rows["speed_of"], *rows["speed_over"]]))
    for number, region in enumerate(found):
        last = number == len(found) - 1
        says = f"{_reach(region, first=number == 0, last=last)} {_lead(region.leaders, frameworks, margin)}"
        yield Answer(
            where=where,
            says=says,
            sure=f"{words.plural(len(region.case_ids), 'case')} with this answer; {sure}",
            verdict=_verdict(region.leaders, frameworks),
        )


def _reach(region: Region, *, first: bool, last: bool) -> str:
    least, most = _million(region.least_flop), _million(region.most_flop)
    if first and last:
        return f"at every size, from {least} to {most} {_WHAT},"
    if first:
        return f"up to about {most} {_WHAT}"
    if last:
        return f"from about {least} {_WHAT}"
    return f"at about {least} {_WHAT}" if least == most else f"from about {least} to {most} {_WHAT}"


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
    return "the arithmetic of a step alone does not say who is faster: " + words.listed([*told, *unknown])


def _million(flop: float) -> str:
    return words.number(flop / 1e6)
