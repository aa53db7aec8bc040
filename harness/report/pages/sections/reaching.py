"""How long until it is good enough: seconds of training to a target accuracy."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pandas as pd

from harness.analysis import time_to_accuracy as analysis
from harness.analysis.time_to_accuracy import TARGET_ACCURACY
from harness.report import words
from harness.report.figures import quantiles
from harness.report.pages import context
from harness.report.pages.context import Section
from harness.report.pages.evidence import Evidence
from harness.report.pages.sections.drawing import CASE, drawn

_TARGET: Final = words.share(TARGET_ACCURACY, 0)


def time_to_accuracy(shown: Evidence, pictures: Path) -> Section:
    sides = _sides(shown)
    one, other, *others = map(words.framework, shown.frameworks)
    over = "the framework" if others else other
    proven = sides[~sides["label"].isin(shown.unproven) & (sides["seeds"] > 0)]
    return drawn(
        pictures,
        "time_to_accuracy",
        title=f"Time to {_TARGET} accuracy",
        intro=f"Seconds of training until {_TARGET} of the test set are classified rightly, evaluation and "
        "start-up left out: the samples that whole trainings needed, each from its own seed, at the speed "
        "that was measured in turns. The mark is the geometric mean, the line its interval, which holds the "
        "noise of both, and that of the speed alone where all seeds arrived in one epoch; a hollow mark has "
        "none. Accuracy is known only when an epoch ends, so a time may be "
        "up to an epoch too long. Less is sooner." + shown.left_out,
        reason=shown.nothing_to_draw or _reason(proven),
        draw=lambda: quantiles.seconds_to_accuracy(proven),
        table=context.table(
            f"Seconds of training to {_TARGET} accuracy; ratio: {over}'s over {one}'s, paired",
            sides,
            (
                *CASE,
                ("framework", "framework", words.framework),
                ("seeds", "seeds", words.count),
                ("outcome", "outcome", None),
                ("seconds", "seconds", words.number),
                ("from", "seconds_low", words.number),
                ("to", "seconds_high", words.number),
                ("median epoch", "epochs", lambda epoch: f"{epoch:g}"),
                ("note", "reason", None),
                ("ratio", "ratio", words.ratio),
                ("from", "ratio_low", words.ratio),
                ("to", "ratio_high", words.ratio),
                ("why no ratio", "ratio_reason", None),
            ),
        ),
    )


def _sides(shown: Evidence) -> pd.DataFrame:
    """A row a case and framework, with the case's label and ratio, of several frameworks its own."""
    frames = shown.frames
    sides = analysis.time_to_accuracy(frames.learned, frames.learned_rounds, frames.trials)
    ratios = analysis.time_to_accuracy_ratio(frames.learned, frames.learned_rounds, frames.trials)
    ratios = ratios.rename(columns={"reason": "ratio_reason", "second": "framework"})
    ratios = ratios[ratios["first"].eq(shown.frameworks[0])]
    labels = shown.trials[["case_id", "label"]].drop_duplicates()
    of = ["case_id", "framework"] if shown.several else ["case_id"]
    told = ratios[[*of, "ratio", "ratio_low", "ratio_high", "ratio_reason"]]
    return sides.merge(told, on=of, how="left" if shown.several else "inner").merge(labels, on="case_id")


def _reason(proven: pd.DataFrame) -> str | None:
    """Why no time can be drawn though trials finished; None where one can."""
    if proven["seconds"].notna().any():
        return None
    if proven["outcome"].eq(analysis.Outcome.NOT_REACHED).all():
        return f"No trial reached {_TARGET}."
    return f"How many epochs {_TARGET} takes was not measured."
