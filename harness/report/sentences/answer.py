"""The answer in words: which is faster, by how much, how sure, on what. Page and terminal print the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

import pandas as pd

from harness.analysis import ways
from harness.analysis.agreement import ACCURACY_MARGIN, agreement
from harness.analysis.certified import certified
from harness.analysis.statistics import Verdict
from harness.analysis.verdicts import verdicts, winner
from harness.analysis.ways import ASKED, Question
from harness.report import words
from harness.report.sentences.cases import batch, cases, describe, differing, labelled
from harness.store.frames import Frames
from harness.work.records import Phase
from harness.work.workload import Mode

# Cases of one sentence share all of these; batch sizes and modes are listed in it.
_SHARED: Final = ["device", "dataset", "train_samples", "precision", "epochs"]

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


@lru_cache(maxsize=4)
def judge(frames: Frames) -> pd.DataFrame:
    """Verdicts of all cases, each held against its certificate: no certificate, no verdict.

    Kept for the frames of the last calls: page and terminal ask for the same ones several times.

    Columns of `analysis.verdicts.verdicts` and those that `cases.labelled` adds, in its order. Of matches of
    all ways it is what is said of the usual loops, corrected for all that is asked of these matches.
    """
    if frames.ways.empty:
        judged = verdicts(frames.trials, frames.rounds, certified(frames.certificates))
        return labelled(judged, cases(frames.trials))
    asked = judge_ways(frames)
    return asked.loc[asked["question"] == Question.SAME, [name for name in asked if name not in ASKED]]


@lru_cache(maxsize=4)
def judge_ways(frames: Frames) -> pd.DataFrame:
    """What the three questions of matches of all ways are answered; kept as `judge` is.

    Columns of `analysis.ways.answers` and those that `cases.labelled` adds, in its order; no rows without
    such matches.
    """
    if frames.ways.empty:
        return pd.DataFrame(columns=["question"])
    asked = ways.answers(frames.ways, frames.way_rounds, certified(frames.certificates))
    return labelled(asked, cases(frames.trials))


def all_answers(frames: Frames) -> list[Answer]:
    """What is said of training: of the cases that were measured, then of those that were refused.

    Of matches of all ways three questions are answered, one after the other.
    """
    same, asked = answers(judge(frames)), judge_ways(frames)
    if asked.empty:
        return [*same, *refusals(frames)]
    same = [replace(one, where=_asked(Question.SAME, one.where)) for one in same]
    return [*same, *_at_best(asked), *_ladders(asked), *refusals(frames)]


def _asked(question: Question, where: str) -> str:
    return f"{question.capitalize()}, {where[0].lower()}{where[1:]}"


def _at_best(asked: pd.DataFrame) -> Iterator[Answer]:
    """Each framework's chosen way against the other's, a sentence a case."""
    for row in asked[asked["question"] == Question.BEST].to_dict("records"):
        verdict = None if pd.isna(row["verdict"]) else str(row["verdict"])
        of, over = (
            f"{words.framework(row[f'speed_{side}'])} ({words.executed(row[f'way_{side}'])})"
            for side in ("of", "over")
        )
        ratio, faster = row["speed_ratio"], winner(verdict)
        if faster == row["speed_over"]:
            of, over, ratio = over, of, 1 / ratio
        if faster is not None:
            says = f"{of} trains {words.ratio(ratio)} times as fast as {over}"
        elif verdict == Verdict.EQUIVALENT:
            says = f"{of} and {over} train equally fast"
        else:
            says = f"{verdict or 'no verdict'} between {of} and {over}"
        yield Answer(
            where=_asked(Question.BEST, _where_of(row)),
            says=says,
            sure=_how_sure(row, turned=faster == row["speed_over"]),
            verdict=verdict,
        )


def _how_sure(row: Mapping[Any, Any], *, turned: bool) -> str:
    """Interval and replicates of one ratio, and why it has no faster side where it has none."""
    low, high = row["speed_ratio_low"], row["speed_ratio_high"]
    if turned:
        low, high = 1 / high, 1 / low
    replicates = words.plural(int(row["replicates"]), "replicate")
    known = (
        f"{100 * row['confidence']:g} % interval {words.interval(low, high)}; {replicates}"
        if pd.notna(low)
        else replicates
    )
    decided = row["verdict"] is not None and _decided(str(row["verdict"]))
    if decided:
        return known
    pair = (str(row["speed_of"]), str(row["speed_over"]))
    so_far = f"{words.speed_over(pair)} so far: {words.ratio(row['speed_ratio'])}"
    return f"{words.plain(row['reason'])}. {so_far} ({known})"


def _ladders(asked: pd.DataFrame) -> Iterator[Answer]:
    """Each framework's ways as ratios to its usual loop, fastest first, a sentence a case and framework."""
    rungs = asked[asked["question"] == Question.LADDER]
    for (_, name), rows in rungs.groupby(["case_id", "speed_of"], sort=False):
        ordered = rows.sort_values("speed_ratio", ascending=False, na_position="last").to_dict("records")
        said = words.listed(f"{words.executed(row['way_of'])} {_rung(row)}" for row in ordered)
        where = f"{words.framework(str(name))} {_where_of(ordered[0])}".replace(" On ", " on ", 1)
        yield Answer(
            where=f"{Question.LADDER.capitalize()}, {where}",
            says=f"times as fast as its usual loop: {said}",
            sure=words.listed(f"{words.executed(row['way_of'])}: {_called(row)}" for row in ordered),
            verdict=None,
        )


def _rung(row: Mapping[Any, Any]) -> str:
    reach = f" ({words.interval(row['speed_ratio_low'], row['speed_ratio_high'])})"
    return words.ratio(row["speed_ratio"]) + (reach if pd.notna(row["speed_ratio_low"]) else "")


def _called(row: Mapping[Any, Any]) -> str:
    """What a way is beside its loop, and by how many replicates."""
    faster = winner(row["verdict"])
    said = "no verdict" if pd.isna(row["verdict"]) else str(row["verdict"])
    if faster is not None:
        said = "faster" if faster == row["way_of"] else "slower"
    return f"{said}, {words.plural(int(row['replicates']), 'replicate')}"


def _where_of(row: Mapping[Any, Any]) -> str:
    parts = [f"On {words.device(row['device'])}", words.plain(row["precision"]), words.plain(row["label"])]
    return ", ".join(parts)


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
    """What the timed trials learned (`analysis.agreement`), labelled; kept as `judge` is."""
    return labelled(agreement(frames.trials, frames.rounds), cases(frames.trials))


def learned(frames: Frames) -> str:
    """Whether the timed trials themselves ended at the same accuracy, in one sentence."""
    rows = agreed(frames)
    agree = int(rows["accuracies_agree"].eq(True).sum())  # noqa: FBT003  (a value to match, with nulls)
    widest = rows["accuracy_difference"].abs().max()
    if pd.isna(widest):
        return "Accuracies could not be compared: no case has both frameworks finished."
    return (
        f"Final accuracies are shown to agree within {100 * ACCURACY_MARGIN:g} percentage points in {agree} "
        f"of {words.plural(len(rows), 'case')}; the largest mean difference is {100 * widest:.2f} points."
    )


def answers(judged: pd.DataFrame, phase: Phase = Phase.TRAIN, *, margin: float = 0.03) -> list[Answer]:
    """Sentences for the verdicts of one phase, grouped over batch sizes and modes so that they stay few.

    `judged` is what `judge` returns.
    """
    rows = judged[judged["phase"] == phase]
    several = [part for part in differing(rows) if part not in {"device", "mode", "precision"}]
    return [
        _answer(group, phase, margin, several)
        for _, shared in rows.groupby(_SHARED, sort=False)
        for group in _told_together(shared)
    ]


def _told_together(rows: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Cases with one verdict, by mode; modes as one that were decided alike at the same batch sizes, or
    stayed open for the same reasons there."""
    rows = rows.assign(told=rows["verdict"].fillna(""))
    of_mode = rows.groupby(["told", "mode"])
    batches, reasons = of_mode["batch_size"].agg(tuple).to_dict(), of_mode["reason"].agg(tuple).to_dict()
    together = [
        (told, batches[told, mode], () if _decided(told) else reasons[told, mode])
        for told, mode in zip(rows["told"], rows["mode"], strict=True)
    ]
    for _, group in rows.groupby(pd.Series(together, index=rows.index), sort=False):
        yield group


def _decided(verdict: str) -> bool:
    return winner(verdict) is not None or verdict == Verdict.EQUIVALENT


def _answer(group: pd.DataFrame, phase: Phase, margin: float, several: list[str]) -> Answer:
    first = group.iloc[0]
    batches = batch(first.to_dict() | {"batch_size": words.listed(group["batch_size"].unique())})
    verdict = None if pd.isna(first["verdict"]) else str(first["verdict"])
    verb = "trains" if phase is Phase.TRAIN else "evaluates"
    where = _where(group, several)
    one, other = str(first["speed_of"]), str(first["speed_over"])
    faster = winner(verdict)
    if faster is not None:
        slower = other if faster == one else one
        says = (
            f"{words.framework(faster)} {verb} {_span(_towards(group, faster))} times as fast as "
            f"{words.framework(slower)} at {batches}"
        )
        return Answer(where=where, says=says, sure=_evidence(group, faster), verdict=verdict)
    if verdict == Verdict.EQUIVALENT:
        says = f"both {verb.removesuffix('s')} equally fast, within {100 * margin:g} %, at {batches}"
        return Answer(where=where, says=says, sure=_evidence(group, one), verdict=verdict)
    said = "no verdict" if verdict is None else verdict
    return Answer(
        where=where,
        says=f"{said}, {batches}" if first["mode"] == Mode.ARTICLE else f"{said} at {batches}",
        sure=_why_open(group),
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


def _why_open(group: pd.DataFrame) -> str:
    """Why cases have no winner, and what was measured nonetheless."""
    reasons = [words.plain(reason) for reason in group["reason"].drop_duplicates()]
    why = "; ".join(reasons[:_MOST_LISTED])
    if len(reasons) > _MOST_LISTED:
        why += f"; and {words.plural(len(reasons) - _MOST_LISTED, 'more reason')} in the table of ratios"
    measured = group[group["speed_ratio"].notna()]
    if measured.empty:
        return why
    if pd.isna(group["verdict"].iloc[0]):
        return f"{why}. Without proof of equal work a ratio answers nothing; the table has what was measured"
    pair = (str(group["speed_of"].iloc[0]), str(group["speed_over"].iloc[0]))
    return f"{why}. {words.speed_over(pair)} so far: {_so_far(measured)}"


def _so_far(measured: pd.DataFrame) -> str:
    if len(measured) > _MOST_LISTED or len(measured["mode"].unique()) > 1:
        return f"{_span(measured)}, each in the table"
    return words.listed(
        f"{words.ratio(row['speed_ratio'])}{_bounds(row)} at batch {row['batch_size']}"
        for row in measured.to_dict("records")
    )


def _bounds(row: dict[Any, Any]) -> str:
    if pd.isna(row["speed_ratio_low"]):
        return ""
    return f" ({words.ratio(row['speed_ratio_low'])} to {words.ratio(row['speed_ratio_high'])})"


def _towards(group: pd.DataFrame, of: str) -> pd.DataFrame:
    """Ratio and interval turned so that above 1 the framework `of` is faster."""
    ratio = group[["speed_ratio_low", "speed_ratio", "speed_ratio_high"]]
    if of == group["speed_of"].iloc[0]:
        return ratio
    turned = 1 / ratio[["speed_ratio_high", "speed_ratio", "speed_ratio_low"]]
    return turned.set_axis(ratio.columns, axis=1)


def _span(turned: pd.DataFrame) -> str:
    least, most = words.ratio(turned["speed_ratio"].min()), words.ratio(turned["speed_ratio"].max())
    return least if least == most else f"{least} to {most}"


def _evidence(group: pd.DataFrame, of: str) -> str:
    turned = _towards(group, of)
    lows, highs = turned["speed_ratio_low"], turned["speed_ratio_high"]
    confidence = f"{100 * group['confidence'].iloc[0]:g} %"
    fewest = words.plural(int(group["replicates"].min()), "replicate")
    if len(group) == 1:
        return f"{confidence} interval {_listed(lows, highs)}; {fewest}"
    if len(group) <= _MOST_LISTED and len(group["mode"].unique()) == 1:
        return f"{confidence} intervals {_listed(lows, highs)}; {fewest} or more each"
    widest = f"{words.ratio(lows.min())} to {words.ratio(highs.max())}"
    return f"all {len(group)} intervals ({confidence}) lie within {widest}; {fewest} or more each"


def _listed(lows: pd.Series, highs: pd.Series) -> str:
    bounds = zip(lows, highs, strict=True)
    return words.listed(f"{words.ratio(low)} to {words.ratio(high)}" for low, high in bounds)
