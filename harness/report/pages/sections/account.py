"""The books: what failed, every trial, and the place in which all of it was measured."""

from __future__ import annotations

import pandas as pd

from harness.analysis.kinds import parts
from harness.analysis.ways import way_of
from harness.report import words
from harness.report.pages import context
from harness.report.pages.context import Section
from harness.report.pages.evidence import Evidence
from harness.report.pages.sections.drawing import TRIAL
from harness.report.sentences.cases import batch
from harness.store.frames import Frames
from harness.work.records import Status


def failures(shown: Evidence) -> Section:
    booked = _booked(shown)
    failed = booked[booked["status"] != Status.OK]
    return Section(
        name="failures",
        title="Failures",
        intro="Trials that did not finish. Nothing they had measured enters a verdict.",
        reason=None if len(failed) else "None.",
        table=context.table(
            "Failed trials",
            failed,
            (
                *TRIAL,
                ("role", "role", None),
                ("kind", "failure_kind", None),
                ("reason", "failure_reason", None),
                ("log", "log_path", None),
            ),
        ),
        table_open=True,
    )


def _timed(runs: pd.DataFrame) -> str:
    """How much of the runs' time was timed, as a sentence; empty where no run says."""
    told = runs.dropna(subset=["timed_s", "wall_s"])
    if told.empty:
        return ""
    share = told["timed_s"].sum() / told["wall_s"].sum()
    return (
        f"Of the {told['wall_s'].sum():.0f} s after the first certificates, {words.share(share, 0)} were "
        "rounds that tell a speed; the rest went into starts, further certificates, what is learned, "
        "latencies and watching."
    )


def trials(shown: Evidence) -> Section:
    return Section(
        name="trials",
        title="All trials",
        intro="One row a trial, as in results/trials, but for controls and pilots. "
        + _timed(shown.frames.runs),
        table=context.table(
            "All trials",
            _booked(shown),
            (
                *TRIAL,
                ("role", "role", None),
                ("seed", "seed", str),
                ("status", "status", None),
                ("train samples/s", "train_samples_per_s", words.number),
                ("evaluate samples/s", "eval_samples_per_s", words.number),
                ("accuracy", "final_accuracy", words.share),
                ("test loss", "final_test_loss", words.number),
                ("optimiser", "optimizer", None),
            ),
        ),
    )


def _booked(shown: Evidence) -> pd.DataFrame:
    """All trials, then whole trainings, and those of other ways than the loops last, named by their ways."""
    booked = pd.concat([shown.trials, shown.trainings])
    others = shown.frames.ways
    if others.empty:
        return booked
    ways = [way_of(row) for row in others.to_dict("records")]
    labels = [
        f"{words.executed(way.id)}, {batch(row)}"
        for way, row in zip(ways, others.to_dict("records"), strict=True)
    ]
    return pd.concat([booked, others.assign(label=labels)])


def environment(shown: Evidence) -> Section:
    return place(shown.frames)


def place(frames: Frames) -> Section:
    several = parts(frames)
    if len(several) == 1:
        intro = "Where and with what the latest of these runs was measured."
        facts, headings = context.environment(frames), {"value": "value"}
    else:
        intro = "Where and with what the latest run of each kind of hardware was measured."
        headings = {f"value_{number}": str(one.kinds["name"].iloc[0]) for number, one in enumerate(several)}
        values = [context.environment(one).set_index("what")["value"] for one in several]
        facts = pd.concat(values, axis=1, keys=list(headings), sort=False).reset_index()
    return Section(
        name="environment",
        title="Environment",
        intro=intro,
        table=context.table(
            "Environment",
            facts,
            (("what", "what", None), *((heading, name, None) for name, heading in headings.items())),
        ),
    )
