"""Whether all did the same work: certificates, accuracy on the way, agreement at the end."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from harness.analysis.agreement import accuracy_column
from harness.analysis.certified import certified
from harness.report import figures, words
from harness.report.pages import context
from harness.report.pages.context import Section
from harness.report.pages.evidence import Evidence
from harness.report.pages.sections.drawing import CASE, by_framework, drawn
from harness.report.sentences.answer import agreed, learned
from harness.work.records import Phase

# More panels than this are a wall, not a figure.
_MOST_PANELS: Final = 24


def certificates(shown: Evidence) -> Section:
    findings = shown.frames.certificates
    proofs = certified(findings)
    held = int(proofs["holds"].sum())
    summary = f"Proven: {held} of {words.plural(len(proofs), 'case')}. " if len(proofs) else ""
    failed = findings[~findings["holds"]]
    told = failed if len(failed) else findings
    return Section(
        name="certificates",
        title="The same work, proven",
        intro="Before a case was timed, each framework showed step by step what it does with given weights "
        "and batches, and what the very program that is then timed does, and was held against the same work "
        f"done in NumPy. Every check had to hold. {summary}A case without a certificate gets no verdict.",
        reason=None if len(findings) else "No certificate was made for these runs.",
        table=context.table(
            "What did not hold" if len(failed) else "Every finding of every certificate",
            told,
            (
                ("case", "case_id", None),
                ("framework", "framework", words.framework),
                ("check", "check", None),
                ("quantity", "quantity", None),
                ("asked, or NumPy's", "expected", None),
                ("found", "found", None),
                ("difference", "difference", words.small),
                ("bound", "bound", words.small),
                ("holds", "holds", lambda holds: "yes" if holds else "no"),
            ),
        ),
        table_open=bool(len(failed)),
    )


def accuracy(shown: Evidence, pictures: Path) -> Section:
    proven = shown.learned[~shown.learned["label"].isin(shown.unproven)]
    rounds = shown.learned_rounds[
        (shown.learned_rounds["phase"] == Phase.EVALUATE)
        & shown.learned_rounds["trial_id"].isin(proven["trial_id"])
    ]
    panels = rounds["label"].nunique()
    reason = shown.nothing_to_draw
    if reason is None and rounds.empty:
        reason = "No whole training finished."
    elif panels > _MOST_PANELS:
        reason = f"{panels} cases do not fit one figure; the table has the last epoch of each."
    return drawn(
        pictures,
        "accuracy",
        title="Accuracy by epoch",
        intro="Share of the test set classified rightly after each epoch of whole trainings, which are not "
        "timed: the median over them, each with its own seed, shaded from the lowest to the highest."
        + shown.left_out,
        reason=reason,
        draw=lambda: figures.accuracy(rounds),
        table=context.table(
            "Test accuracy after the last epoch",
            by_framework(shown.learned, "final_accuracy"),
            (
                *CASE,
                ("framework", "framework", words.framework),
                ("seeds", "replicates", words.count),
                ("median", "median", words.share),
                ("lowest", "lowest", words.share),
                ("highest", "highest", words.share),
            ),
        ),
    )


def agreement(shown: Evidence) -> Section:
    pair = (("first", "first", words.framework), ("second", "second", words.framework))
    return Section(
        name="agreement",
        title=f"Did {'all' if shown.several else 'both'} learn the same?",
        intro="Whole trainings of the programs that are timed use each framework's own optimiser and "
        "dropout, so their accuracies differ as those of two seeds do. Agreement has to be shown: by two "
        "one-sided tests for the accuracy after the last epoch, and for the loss curves by staying within "
        "the spread between seeds. " + learned(shown.frames),
        table=context.table(
            f"Agreement of {'every' if shown.several else 'the'} two frameworks, each case, in percentage "
            "points",
            agreed(shown.frames),
            (
                *CASE,
                *(pair if shown.several else ()),
                ("seeds", "replicates", words.count),
                *((words.framework(name), accuracy_column(name), words.share) for name in shown.frameworks),
                ("difference", "accuracy_difference", words.points),
                ("from", "accuracy_difference_low", words.points),
                ("to", "accuracy_difference_high", words.points),
                ("loss curves apart, sd", "loss_gap", words.small),
                ("what is not shown", "reason", None),
            ),
        ),
        table_open=True,
    )
