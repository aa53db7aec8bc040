"""What matches of all ways answer beside the loops: each framework at its best, and which way that is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import pandas as pd

from harness.analysis.statistics import Verdict
from harness.analysis.verdicts import pairs_in, winner
from harness.analysis.ways import Question
from harness.report import words
from harness.report.sentences.cases import batch, describe, differing, shared_by
from harness.report.sentences.ranking import Ranking
from harness.report.sentences.ratios import Answer, bounded, decided, evidence, span, towards, why_open

# Cases of one sentence share all of these; batch sizes are listed in it.
_SHARED: Final = ["device", "dataset", "train_samples", "precision", "hidden", "workers", "epochs"]


def asked_of(question: Question, where: str) -> str:
    """Which question is answered, before where: a sentence's beginning."""
    return f"{question.capitalize()}, {where[0].lower()}{where[1:]}"


def at_best(asked: pd.DataFrame, *, margin: float = 0.03) -> Iterator[Answer]:
    """Each framework's chosen way against the others'; batch sizes with one verdict of the same ways as one.

    `asked` is what `answer.judge_ways` returns.
    """
    rows = asked[asked["question"] == Question.BEST]
    several = [part for part in differing(rows) if part not in {"device", "precision"}]
    told = rows.assign(told=rows["verdict"].fillna(""))
    # What stayed open did so for reasons of its own.
    told["told"] = told["told"].where(told["told"].map(decided), told["told"] + told["reason"])
    # Of more than two frameworks a case has a row for every two.
    same = told.groupby("case_id")[["way_of", "way_over", "told"]].agg("\n".join).agg("\n".join, axis=1)
    for _, group in told.groupby([*shared_by(told, _SHARED), told["case_id"].map(same)], sort=False):
        yield _at_best(group, margin, several)


def _at_best(group: pd.DataFrame, margin: float, several: list[str]) -> Answer:
    first = group.iloc[0]
    verdict = None if pd.isna(first["verdict"]) else str(first["verdict"])
    named = {
        str(row[f"speed_{side}"]): f"{words.framework(row[f'speed_{side}'])} "
        f"({words.executed(row[f'way_{side}'])})"
        for row in group.to_dict("records")
        for side in ("of", "over")
    }
    where, faster = asked_of(Question.BEST, _where(first.to_dict(), several)), winner(verdict)
    if len(pairs_in(group)) > 1:
        at = f"at {_batches(group)}"
        ranking = Ranking(rows=group, names=named, verb="train", at=at, margin=margin, named=True)
        return ranking.answer(where)
    if faster is not None:
        (slower,) = named.keys() - {faster}
        ratio = span(towards(group, faster))
        says = f"{named[faster]} trains {ratio} times as fast as {named[slower]} at {_batches(group)}"
        return Answer(where=where, says=says, sure=evidence(group, faster), verdict=verdict)
    both = words.listed(named.values())
    if verdict == Verdict.EQUIVALENT:
        says = f"{both} train equally fast, within {100 * margin:g} %, at {_batches(group)}"
        return Answer(where=where, says=says, sure=evidence(group, next(iter(named))), verdict=verdict)
    says = f"{verdict or 'no verdict'} between {both} at {_batches(group)}"
    return Answer(where=where, says=says, sure=why_open(group), verdict=verdict)


def ladders(asked: pd.DataFrame) -> Iterator[Answer]:
    """Each framework's ways as ratios to its usual loop, a sentence a framework, fastest first.

    `asked` is what `answer.judge_ways` returns.
    """
    rungs = asked[asked["question"] == Question.LADDER]
    several = [part for part in differing(rungs) if part not in {"device", "precision"}]
    for _, rows in rungs.groupby([*shared_by(rungs, _SHARED), "speed_of"], sort=False):
        first = rows.iloc[0].to_dict()
        fastest = rows.groupby("way_of", sort=False)["speed_ratio"].max().sort_values(ascending=False)
        by_way = {words.executed(str(way)): rows[rows["way_of"] == way] for way in fastest.index}
        whose = f"{words.framework(first['speed_of'])} at {_batches(rows)}"
        yield Answer(
            where=asked_of(Question.LADDER, f"{_where(first, several)}, {whose}"),
            says="times as fast as the usual loop: "
            + "; ".join(f"{way} {_rung(rungs)}" for way, rungs in by_way.items()),
            sure="; ".join(f"{way} {_called(rungs)}" for way, rungs in by_way.items()),
            verdict=None,
        )


def _rung(rows: pd.DataFrame) -> str:
    """A way's ratios to its loop, one a batch size, with their intervals."""
    return words.listed(bounded(row) for row in rows.to_dict("records"))


def _called(rows: pd.DataFrame) -> str:
    """What a way is beside its loop, at each batch size, and by how many replicates."""
    said = dict.fromkeys(_verdict(row) for row in rows.to_dict("records"))
    fewest = words.plural(int(rows["replicates"].min()), "replicate")
    return f"{words.listed(said)} ({fewest}{' or more each' if len(rows) > 1 else ''})"


def _verdict(row: Mapping[Any, Any]) -> str:
    faster = winner(row["verdict"])
    if faster is None:
        return "no verdict" if pd.isna(row["verdict"]) else str(row["verdict"])
    return "faster" if faster == row["way_of"] else "slower"


def _batches(rows: pd.DataFrame) -> str:
    first = rows.iloc[0].to_dict()
    return batch(first | {"batch_size": words.listed(rows["batch_size"].unique())})


def _where(row: Mapping[Any, Any], several: list[str]) -> str:
    parts = [f"On {words.device(row['device'])}", words.plain(row["precision"]), describe(dict(row), several)]
    return ", ".join(part for part in parts if part)
