"""The answer in words: which is faster, by how much, how sure, on what. Page and terminal print the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Final

import pandas as pd

from harness.analysis import ways
from harness.analysis.agreement import ACCURACY_MARGIN, agreement
from harness.analysis.certified import certified
from harness.analysis.kinds import by_kind
from harness.analysis.of_trials import compared, pairs
from harness.analysis.statistics import Verdict
from harness.analysis.verdicts import pairs_in, verdicts, winner
from harness.analysis.ways import ASKED, Question
from harness.report import words
from harness.report.sentences.cases import batch, describe, differing, known_cases, labelled, shared_by
from harness.report.sentences.ranking import Ranking
from harness.report.sentences.ratios import Answer, decided, evidence, span, towards, why_open
from harness.report.sentences.regions import by_region
from harness.report.sentences.ways import asked_of, at_best, ladders
from harness.store.frames import Frames
from harness.work.records import Phase
from harness.work.workload import Mode

# Cases of one sentence share all of these; batch sizes and modes are listed in it.
_SHARED: Final = ["device", "dataset", "train_samples", "precision", "hidden", "workers", "epochs"]


@lru_cache(maxsize=4)
def judge(frames: Frames) -> pd.DataFrame:
    """Verdicts of all cases, each held against its certificate: no certificate, no verdict.

    Of several kinds of hardware each is judged by itself, its cases as families of their own.

    Kept for the frames of the last calls: page and terminal ask for the same ones several times.

    Columns of `analysis.verdicts.verdicts` and those that `cases.labelled` adds, in its order. Where
    ways met it is what is said of those that are written the same way, corrected for all that is asked.
    """
    if frames.ways.empty:
        return labelled(by_kind(frames, _judge), known_cases(frames))
    asked = judge_ways(frames)
    return asked.loc[asked["question"] == Question.SAME, [name for name in asked if name not in ASKED]]


@lru_cache(maxsize=4)
def judge_ways(frames: Frames) -> pd.DataFrame:
    """What the three questions are answered where ways met; kept as `judge` is.

    Columns of `analysis.ways.answers` and those that `cases.labelled` adds, in its order; no rows without
    matches of all ways.
    """
    if frames.ways.empty:
        return pd.DataFrame(columns=["question"])
    return labelled(by_kind(frames, _judge_ways), known_cases(frames))


def _judge(of_kind: Frames, hosts: Mapping[str, str] | None) -> pd.DataFrame:
    return verdicts(of_kind.trials, of_kind.rounds, certified(of_kind.certificates), hosts=hosts)


def _judge_ways(of_kind: Frames, hosts: Mapping[str, str] | None) -> pd.DataFrame:
    proofs = certified(of_kind.certificates)
    return ways.answers(of_kind.of_all_ways, of_kind.rounds_of_all_ways, proofs, hosts=hosts)


def all_answers(frames: Frames) -> list[Answer]:
    """What is said of training: many cases summed up, each of them, and what else was asked."""
    return [*by_region(judge(frames)), *case_answers(frames), *further_answers(frames)]


def case_answers(frames: Frames) -> list[Answer]:
    """What is said of training of the cases that were measured, written the same way."""
    same = answers(judge(frames))
    if judge_ways(frames).empty:
        return same
    return [replace(one, where=asked_of(Question.SAME, one.where)) for one in same]


def further_answers(frames: Frames) -> list[Answer]:
    """Where ways met, how fast each is at its best and its ways beside each other; then who was refused."""
    asked = judge_ways(frames)
    of_ways = [] if asked.empty else [*at_best(asked), *ladders(asked)]
    return [*of_ways, *refusals(frames)]


def refusals(frames: Frames) -> list[Answer]:
    """Cases that were not measured because their certificate failed."""
    measured = {*frames.trials["case_id"], *frames.ways.get("case_id", [])}
    unmeasured = frames.certificates[~frames.certificates["case_id"].isin(measured)]
    proofs = certified(unmeasured)
    return [
        Answer(
            where=words.plain(row["case_id"]),
            says="not measured: the frameworks did not do the same work",
            sure=f"Certificate failed at {row['failed_check']}: {words.plain(row['reason'])}",
            verdict=None,
        )
        for row in proofs[~proofs["holds"]].to_dict("records")
    ]


@lru_cache(maxsize=4)
def agreed(frames: Frames) -> pd.DataFrame:
    """What whole trainings learned (`analysis.agreement`), labelled; kept as `judge` is.

    A row a case and every two frameworks, `first` and `second`.
    """
    case_ids = frames.trials["case_id"].drop_duplicates()
    rows = [
        agreement(frames.learned, frames.learned_rounds, case_ids, pair=pair).assign(
            first=pair[0], second=pair[1]
        )
        for pair in pairs(compared(frames.trials, frames.certificates))
    ]
    return labelled(pd.concat(rows, ignore_index=True), known_cases(frames))


def learned(frames: Frames) -> str:
    """Whether whole trainings of all ended at the same accuracy, in one sentence."""
    rows = agreed(frames)
    # Null where so few seeds do not tell: shown is what is shown of every two.
    agree = rows["accuracies_agree"].fillna(False).groupby(rows["case_id"]).all()  # noqa: FBT003  (a value)
    widest = rows["accuracy_difference"].abs().max()
    if pd.isna(widest):
        both = "both frameworks" if rows["case_id"].is_unique else "two frameworks"
        return f"Accuracies could not be compared: no whole training of {both} has finished."
    return (
        f"Final accuracies are shown to agree within {100 * ACCURACY_MARGIN:g} percentage points in "
        f"{int(agree.sum())} of {words.plural(len(agree), 'case')}; the largest mean difference is "
        f"{100 * widest:.2f} points."
    )


def answers(judged: pd.DataFrame, phase: Phase = Phase.TRAIN, *, margin: float = 0.03) -> list[Answer]:
    """Sentences for the verdicts of one phase, grouped over batch sizes and modes so that they stay few.

    Of more than two frameworks a sentence tells their order (`ranking`).

    `judged` is what `judge` returns.
    """
    rows = judged[judged["phase"] == phase]
    several = [part for part in differing(rows) if part not in {"device", "mode", "precision"}]
    return [
        _answer(group, phase, margin, several)
        for _, shared in rows.groupby(shared_by(rows, _SHARED), sort=False)
        for group in _told_together(shared)
    ]


def _told_together(rows: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Cases with the same verdicts, by mode; modes as one that were decided alike at the same batch sizes, or
    stayed open for the same reasons there."""
    told = rows["verdict"].fillna("")
    rows = rows.assign(told=told, why=rows["reason"].fillna("").mask(told.map(decided), ""))
    of_case = rows.groupby("case_id", sort=False)
    cases = of_case[["told", "why"]].agg("\n".join).join(of_case[["mode", "batch_size"]].first())
    of_mode = cases.groupby(["told", "mode"])
    batches, whys = of_mode["batch_size"].agg(tuple).to_dict(), of_mode["why"].agg(tuple).to_dict()
    together = {
        case.Index: (case.told, batches[case.told, case.mode], whys[case.told, case.mode])
        for case in cases.itertuples()
    }
    for _, group in rows.groupby(rows["case_id"].map(together), sort=False):
        yield group


def _answer(group: pd.DataFrame, phase: Phase, margin: float, several: list[str]) -> Answer:
    first = group.iloc[0]
    batches = batch(first.to_dict() | {"batch_size": words.listed(group["batch_size"].unique())})
    verdict = None if pd.isna(first["verdict"]) else str(first["verdict"])
    verb = "trains" if phase is Phase.TRAIN else "evaluates"
    where = _where(group, several)
    compared_here = pairs_in(group)
    if len(compared_here) > 1:
        names = {name: words.framework(name) for pair in compared_here for name in pair}
        at = batches if first["mode"] == Mode.ARTICLE else f"at {batches}"
        verb = verb.removesuffix("s")
        return Ranking(rows=group, names=names, verb=verb, at=at, margin=margin).answer(where)
    one, other = str(first["speed_of"]), str(first["speed_over"])
    faster = winner(verdict)
    if faster is not None:
        slower = other if faster == one else one
        says = (
            f"{words.framework(faster)} {verb} {span(towards(group, faster))} times as fast as "
            f"{words.framework(slower)} at {batches}"
        )
        return Answer(where=where, says=says, sure=evidence(group, faster), verdict=verdict)
    if verdict == Verdict.EQUIVALENT:
        says = f"both {verb.removesuffix('s')} equally fast, within {100 * margin:g} %, at {batches}"
        return Answer(where=where, says=says, sure=evidence(group, one), verdict=verdict)
    said = "no verdict" if verdict is None else verdict
    return Answer(
        where=where,
        says=f"{said}, {batches}" if first["mode"] == Mode.ARTICLE else f"{said} at {batches}",
        sure=why_open(group),
        verdict=verdict,
    )


def _where(group: pd.DataFrame, several: list[str]) -> str:
    first = group.iloc[0]
    modes = list(group["mode"].unique())
    parts = [
        f"On {words.device(first['device'])}",
        f"{'mode' if len(modes) == 1 else 'modes'} {words.listed(words.plain(mode) for mode in modes)}",
        words.plain(first["precision"]),
        describe(first.to_dict(), several),
    ]
    return ", ".join(part for part in parts if part)
