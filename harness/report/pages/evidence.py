"""What figures and tables draw on: the frames in reading order, labelled, and what may stand side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pandas as pd

from harness.analysis.of_trials import compared
from harness.report.sentences.cases import known_cases, labelled
from harness.store.frames import Frames
from harness.work.records import Status

# More cases than this are counted where they are left out.
_MOST_NAMED: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """Frames with the labels of `cases.labelled`, in its order.

    `trials` are all, `ok` those that finished; `rounds` are the timed rounds, `judged` the verdicts.
    `learned` are the whole trainings that finished, `learned_rounds` the rounds of all, and `trainings` those
    that are not among `trials`, failed ones too.
    """

    frames: Frames
    trials: pd.DataFrame
    ok: pd.DataFrame
    rounds: pd.DataFrame
    learned: pd.DataFrame
    learned_rounds: pd.DataFrame
    trainings: pd.DataFrame
    judged: pd.DataFrame

    @property
    def frameworks(self) -> tuple[str, ...]:
        """Those that are compared, two or more."""
        return compared(self.frames.trials, self.frames.certificates)

    @property
    def several(self) -> bool:
        """Whether there are more than two, so that a case has more than one ratio."""
        return len(self.frameworks) > 2  # noqa: PLR2004  (a ratio is of two)

    @property
    def other(self) -> str:
        """What one framework is held against, in a sentence."""
        return "another" if self.several else "the other"

    @property
    def unproven(self) -> list[str]:
        """Labels of the cases without a certificate that holds: beside each other they would mislead."""
        return list(self.judged.loc[self.judged["verdict"].isna(), "label"].unique())

    @property
    def comparable(self) -> pd.DataFrame:
        """Finished trials of the cases that have their certificate."""
        return self.ok[~self.ok["label"].isin(self.unproven)]

    @property
    def nothing_to_draw(self) -> str | None:
        """Why no figure can set the frameworks side by side; None where one can."""
        if self.ok.empty:
            return "No trial finished."
        if self.comparable.empty:
            return "No case has its certificate: side by side, different work would look comparable."
        return None

    @property
    def left_out(self) -> str:
        """The measured cases that figures leave out, as a sentence to follow others; empty where none is."""
        finished = set(self.ok["label"])
        unproven = [one for one in self.unproven if one in finished]
        if not unproven or self.nothing_to_draw:
            return ""
        named = "; ".join(unproven)
        if len(unproven) > _MOST_NAMED:
            named = f"{len(unproven)} cases, which the table of ratios names"
        return f" Not drawn, for want of a certificate: {named}."


def evidence(frames: Frames, judged: pd.DataFrame) -> Evidence:
    """Label trials and rounds as `judged` (from `answer.judge`) is."""
    known = known_cases(frames)
    trials = labelled(frames.trials, known)
    return Evidence(
        frames=frames,
        trials=trials,
        ok=trials[trials["status"] == Status.OK],
        rounds=labelled(frames.rounds, known),
        learned=labelled(frames.learned[frames.learned["status"] == Status.OK], known),
        learned_rounds=labelled(frames.learned_rounds, known),
        trainings=labelled(frames.trainings, known),
        judged=judged,
    )
