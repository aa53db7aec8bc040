"""The answer in words: which is faster, by how much, how sure, on what. Page and terminal print the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from harness.analysis.agreement import ACCURACY_MARGIN, agreement
from harness.analysis.certified import certified
from harness.analysis.statistics import Verdict
from harness.analysis.verdicts import verdicts
from harness.records import Phase
from harness.report import words
from harness.store.frames import Frames
from harness.workload import PYTORCH, TENSORFLOW

_WINNERS = {Verdict.TENSORFLOW_FASTER: TENSORFLOW, Verdict.PYTORCH_FASTER: PYTORCH}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One sentence about the cases of a device and mode that share a verdict; `sure` is its evidence."""

    where: str
    says: str
    sure: str
    verdict: str | None


def judge(frames: Frames) -> pd.DataFrame:
    """Verdicts of all cases, each held against its certificate: no certificate, no verdict."""
    return verdicts(frames.trials, frames.rounds, certified(frames.certificates))


def all_answers(frames: Frames) -> list[Answer]:
    """What is said of training: of the cases that were measured, then of those that were refused."""
    return [*answers(judge(frames)), *refusals(frames)]


def refusals(frames: Frames) -> list[Answer]:
    """Cases that were not measured because their certificate failed."""
    unmeasured = frames.certificates[~frames.certificates["case_id"].isin(frames.trials["case_id"])]
    proofs = certified(unmeasured)
    return [
        Answer(
            where=str(row["case_id"]),
            says="not measured: the frameworks did not do the same work",
            sure=f"Certificate failed at {row['failed_check']}: {row['reason']}",
            verdict=None,
        )
        for row in proofs[~proofs["holds"]].to_dict("records")
    ]


def learned(frames: Frames) -> str:
    """Whether the timed trials themselves ended at the same accuracy, in one sentence."""
    rows = agreement(frames.trials, frames.rounds)
    agree = int(rows["accuracies_agree"].eq(True).sum())  # noqa: FBT003  (a value to match, with nulls)
    widest = rows["accuracy_difference"].abs().max()
    if pd.isna(widest):
        return "Accuracies could not be compared: no case has both frameworks finished."
    return (
        f"Final accuracies are shown to agree within {100 * ACCURACY_MARGIN:g} percentage points in {agree} "
        f"of {words.plural(len(rows), 'case')}; the largest mean difference is {100 * widest:.2f} points."
    )


def answers(judged: pd.DataFrame, phase: Phase = Phase.TRAIN, *, margin: float = 0.03) -> list[Answer]:
    """Sentences for the verdicts of one phase, grouped over batch sizes so that they stay few.

    `judged` has the columns of `analysis.verdicts.verdicts`.
    """
    rows = judged[judged["phase"] == phase].sort_values("batch_size", kind="stable")
    return [
        _answer(group, phase, margin)
        for _, cases in rows.groupby(["device", "mode", "precision", "epochs"], sort=False)
        for group in _by_verdict(cases)
    ]


def _by_verdict(cases: pd.DataFrame) -> Iterator[pd.DataFrame]:
    labels = cases["verdict"].fillna("")
    for label in labels.drop_duplicates():
        yield cases[labels == label]


def _answer(group: pd.DataFrame, phase: Phase, margin: float) -> Answer:
    first = group.iloc[0]
    batches = f"batch {words.listed(group['batch_size'])}"
    verdict = None if pd.isna(first["verdict"]) else str(first["verdict"])
    verb = "trains" if phase is Phase.TRAIN else "evaluates"
    where = f"On {words.device(first['device'])}, mode {first['mode']}, {first['precision']}"
    if verdict in _WINNERS:
        winner = _WINNERS[Verdict(verdict)]
        loser = TENSORFLOW if winner == PYTORCH else PYTORCH
        says = (
            f"{words.framework(winner)} {verb} {_span(_towards(group, winner))} times as fast as "
            f"{words.framework(loser)} at {batches}"
        )
        return Answer(where=where, says=says, sure=_evidence(group, winner), verdict=verdict)
    if verdict == Verdict.EQUIVALENT:
        says = f"both {verb.removesuffix('s')} equally fast, within {margin:.0%}, at {batches}"
        return Answer(where=where, says=says, sure=_evidence(group, TENSORFLOW), verdict=verdict)
    reasons = "; ".join(dict.fromkeys(str(reason) for reason in group["reason"]))
    measured = group[group["speed_ratio"].notna()]
    if len(measured):
        reasons += f". TensorFlow's speed over PyTorch's so far: {_so_far(measured)}"
    outcome = "inconclusive" if verdict == Verdict.INCONCLUSIVE else "no verdict"
    return Answer(where=where, says=f"{outcome} at {batches}", sure=reasons, verdict=verdict)


def _towards(group: pd.DataFrame, winner: str) -> pd.DataFrame:
    """Ratio and interval turned so that above 1 the winner is faster."""
    ratio = group[["speed_ratio_low", "speed_ratio", "speed_ratio_high"]]
    if winner == TENSORFLOW:
        return ratio
    turned = 1 / ratio[["speed_ratio_high", "speed_ratio", "speed_ratio_low"]]
    return turned.set_axis(ratio.columns, axis=1)


def _so_far(measured: pd.DataFrame) -> str:
    return words.listed(
        f"{words.ratio(row['speed_ratio'])}{_bounds(row)} at batch {row['batch_size']}"
        for row in measured.to_dict("records")
    )


def _bounds(row: dict[Any, Any]) -> str:
    if pd.isna(row["speed_ratio_low"]):
        return ""
    return f" ({words.ratio(row['speed_ratio_low'])} to {words.ratio(row['speed_ratio_high'])})"


def _span(turned: pd.DataFrame) -> str:
    least, most = words.ratio(turned["speed_ratio"].min()), words.ratio(turned["speed_ratio"].max())
    return least if least == most else f"{least} to {most}"


def _evidence(group: pd.DataFrame, winner: str) -> str:
    turned = _towards(group, winner)
    intervals = words.listed(
        f"{words.ratio(low)} to {words.ratio(high)}"
        for low, high in zip(turned["speed_ratio_low"], turned["speed_ratio_high"], strict=True)
    )
    confidence = f"{group['confidence'].iloc[0]:.0%}".replace("%", " %")
    noun = "interval" if len(group) == 1 else "intervals"
    fewest = int(group["replicates"].min())
    return f"{confidence} {noun} {intervals}; {words.plural(fewest, 'replicate')}" + (
        "" if len(group) == 1 else " or more each"
    )
