"""How much of what the device can do the frameworks used, in words: a sentence a case, and one for all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

import pandas as pd

from harness.analysis.certified import certified
from harness.analysis.kinds import by_kind
from harness.analysis.roofline import roofline
from harness.report import words
from harness.report.sentences.cases import known_cases, labelled
from harness.store.frames import Frames

_OF_CASE: Final = ("device", "precision", "hidden", "batch_size")


@lru_cache(maxsize=4)
def roofs(frames: Frames) -> pd.DataFrame:
    """`analysis.roofline` of the cases whose certificates hold, labelled; kept as `answer.judge` is.

    Beside the columns of these there are `_OF_CASE` and `threads`.
    """
    known = known_cases(frames)
    found = labelled(by_kind(frames, _of_kind), known)
    threads = frames.trials.drop_duplicates("case_id").set_index("case_id")["threads"]
    of_case = {name: found["case_id"].map(known[name]) for name in _OF_CASE}
    proofs = certified(frames.certificates)
    held = proofs.loc[proofs["holds"].astype(bool), "case_id"]
    named = found.assign(**of_case, threads=found["case_id"].map(threads))
    return named[named["case_id"].isin(held)]


def _of_kind(of_kind: Frames, _hosts: Mapping[str, str] | None) -> pd.DataFrame:
    return roofline(of_kind.trials, pd.concat([of_kind.trials, of_kind.trainings]))


def shares_told(found: pd.DataFrame) -> Iterator[str]:
    """A sentence a case of `roofs`."""
    for _, of_case in found.groupby("case_id", sort=False):
        rows = of_case.to_dict("records")
        first, others = rows[0], rows[1:]
        where = _sentence(words.plain(first["label"]))
        if pd.isna(first["share"]):
            yield f"{where}: not known, for {words.plain(first['reason'])}."
            continue
        most = f"of what {_device(first)} can do here"
        used = "".join(f", {words.framework(row['framework'])} {_share(row)}" for row in others)
        exceeded = (
            "; more than the probe found, so what the fastest did counts as what can be done"
            if first["exceeded"]
            else ""
        )
        yield f"{where}: {words.framework(first['framework'])} uses {_share(first)} {most}{used}{exceeded}."


def in_short(frames: Frames) -> str | None:
    """All cases in one sentence; None where no peak was found."""
    found = roofs(frames)
    found = found[found["share"].notna()]
    if found.empty:
        return None
    used = words.listed(
        f"{words.framework(str(name))} uses {_span(group['share'])}"
        for name, group in found.groupby("framework", sort=False)
    )
    devices = words.listed(dict.fromkeys(_device(row) for row in found.to_dict("records")))
    where = devices if frames.kinds.empty else "each kind of hardware"
    return f"Of what {where} can do in this work {used}; the rest is overhead."


def percent(share: Any) -> str:
    """A share of one in percent, with two digits, without the sign."""
    return words.number(100 * share, 2)


def _share(row: Mapping[Any, Any]) -> str:
    """A share with its interval, where it has one: 12 % (11 to 13)."""
    bounds = words.interval(row["share_low"], row["share_high"], percent)
    return f"{percent(row['share'])} %{'' if bounds == words.MISSING else f' ({bounds})'}"


def _span(shares: pd.Series) -> str:
    return f"{' to '.join(dict.fromkeys(map(percent, (shares.min(), shares.max()))))} %"


def _device(row: Mapping[Any, Any]) -> str:
    if row["device"] != "cpu":
        return words.plain(row["device"])
    return f"{words.plural(int(row['threads']), 'thread')} of this processor"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
