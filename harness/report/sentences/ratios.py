"""What sentences about ratios share: an answer, a group of ratios as a span, and its evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from harness.analysis.statistics import Verdict
from harness.analysis.verdicts import winner
from harness.report import words

# More intervals or reasons than this are summed up: the tables have each.
_MOST_LISTED: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One sentence about the cases of a device that share a verdict; `sure` is its evidence."""

    where: str
    says: str
    sure: str
    verdict: str | None

    @property
    def winner(self) -> str | None:
        """The framework that is called faster, if one is."""
        return winner(self.verdict)


def decided(verdict: str) -> bool:
    return winner(verdict) is not None or verdict == Verdict.EQUIVALENT


def why_open(group: pd.DataFrame) -> str:
    """Why cases have no winner, and what was measured nonetheless."""
    why = reasons(group)
    measured = group[group["speed_ratio"].notna()]
    if measured.empty:
        return why
    if pd.isna(group["verdict"].iloc[0]):
        return f"{why}. Without proof of equal work a ratio answers nothing; the table has what was measured"
    return f"{why}. {so_far(measured)}"


def reasons(group: pd.DataFrame) -> str:
    """Why cases have no winner, each reason once."""
    said = [words.plain(reason) for reason in group["reason"].drop_duplicates()]
    why = "; ".join(said[:_MOST_LISTED])
    if len(said) > _MOST_LISTED:
        why += f"; and {words.plural(len(said) - _MOST_LISTED, 'more reason')} in the table of ratios"
    return why


def so_far(measured: pd.DataFrame) -> str:
    """The ratio of cases without a winner that were measured."""
    pair = (str(measured["speed_of"].iloc[0]), str(measured["speed_over"].iloc[0]))
    beside = on_hosts(measured, pair[0]) + over_all_turns(measured, pair[0])
    return f"{words.speed_over(pair)} so far: {_each(measured)}{beside}"


def _each(measured: pd.DataFrame) -> str:
    if len(measured) > _MOST_LISTED or len(measured["mode"].unique()) > 1:
        return f"{span(measured)}, each in the table"
    return words.listed(f"{bounded(row)} at batch {row['batch_size']}" for row in measured.to_dict("records"))


def bounded(row: Mapping[Any, Any], ratio: str = "speed_ratio") -> str:
    """A ratio, and its interval where it has one."""
    reach = words.interval(row[f"{ratio}_low"], row[f"{ratio}_high"])
    return words.ratio(row[ratio]) + ("" if reach == words.MISSING else f" ({reach})")


def towards(group: pd.DataFrame, of: str, ratio: str = "speed_ratio", ends: str = "") -> pd.DataFrame:
    """Ratio and interval turned so that above 1 the framework `of` is faster; `ends` names the interval."""
    rising = group[[f"{ends or ratio}_low", ratio, f"{ends or ratio}_high"]]
    if of == group["speed_of"].iloc[0]:
        return rising
    return (1 / rising[rising.columns[::-1]]).set_axis(rising.columns, axis=1)


def over_all_turns(group: pd.DataFrame, of: str) -> str:
    """The ratio over all turns together, where it is not that of a typical turn; else nothing."""
    differing = group[group["total_differs"]]
    if differing.empty:
        return ""
    batches = differing["batch_size"]
    turned = towards(differing, of, "total_ratio").to_dict("records")
    told = words.listed(
        f"{bounded(row, 'total_ratio')} at batch {batch}" for row, batch in zip(turned, batches, strict=True)
    )
    return f"; over all turns together, the few slow ones included, {told}"


def on_hosts(group: pd.DataFrame, of: str) -> str:
    """Of which hosts an interval of several speaks, and what is known of those that were measured alone."""
    if "hosts" not in group:
        return ""
    if group["hosts"].max() == 1:
        return "; of one host, whatever others of this kind do"
    fewest, most = int(group["hosts"].min()), int(group["hosts"].max())
    measured = str(most) if fewest == most else f"{fewest} to {most}"
    said = f"; intervals are of hosts of this kind, of which {measured} were measured"
    here = towards(group, of, ends="here").dropna()
    if here.empty:
        return said
    lows, highs = here["here_low"], here["here_high"]
    alone = (
        _listed(lows, highs)
        if len(here) <= _MOST_LISTED
        else f"within {words.ratio(lows.min())} to {words.ratio(highs.max())}"
    )
    return f"{said}; of these alone {alone}"


def span(turned: pd.DataFrame) -> str:
    least, most = words.ratio(turned["speed_ratio"].min()), words.ratio(turned["speed_ratio"].max())
    return least if least == most else f"{least} to {most}"


def evidence(group: pd.DataFrame, of: str) -> str:
    turned = towards(group, of)
    lows, highs = turned["speed_ratio_low"], turned["speed_ratio_high"]
    confidence = f"{100 * group['confidence'].iloc[0]:g} %"
    fewest = words.plural(int(group["replicates"].min()), "replicate")
    in_total = on_hosts(group, of) + over_all_turns(group, of)
    if len(group) == 1:
        return f"{confidence} interval {_listed(lows, highs)}; {fewest}{in_total}"
    if len(group) <= _MOST_LISTED and len(group["mode"].unique()) == 1:
        return f"{confidence} intervals {_listed(lows, highs)}; {fewest} or more each{in_total}"
    widest = f"{words.ratio(lows.min())} to {words.ratio(highs.max())}"
    return f"all {len(group)} intervals ({confidence}) lie within {widest}; {fewest} or more each{in_total}"


def reach(group: pd.DataFrame, of: str) -> str:
    """The intervals of a few cases, or what all of more lie within."""
    turned = towards(group, of)
    lows, highs = turned["speed_ratio_low"], turned["speed_ratio_high"]
    if len(group) <= _MOST_LISTED and len(group["mode"].unique()) == 1:
        return _listed(lows, highs)
    return f"within {words.ratio(lows.min())} to {words.ratio(highs.max())}"


def _listed(lows: pd.Series, highs: pd.Series) -> str:
    bounds = zip(lows, highs, strict=True)
    return words.listed(f"{words.ratio(low)} to {words.ratio(high)}" for low, high in bounds)
