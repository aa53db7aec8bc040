"""Three questions where all ways of the frameworks met: frames in, one row a ratio out.

Which is faster written the same way, which is faster each at its best, and which way is the best in each.
The first is asked of every match in which two did a case alike, the others of matches of all ways; of more
than two frameworks the first and second of every two. All ratios
of a match are differences of the same effects (`match.typical_effects`), so they close.
All that is asked of a phase is one family (`questions.judge_questions`).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from enum import StrEnum
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.analysis.disturbed import disturbances
from harness.analysis.effects import MATCH, TURN, effects, ratios
from harness.analysis.of_trials import compared, pairs
from harness.analysis.questions import Ratio, judge_questions
from harness.analysis.statistics import Judgement, without_tests
from harness.analysis.verdicts import (
    CASE,
    DTYPES,
    OF_HOSTS,
    failure_notes,
    hosts_of,
    left_out,
    numbers,
    of_hosts,
    refusals,
    totals,
)
from harness.work.program import Update
from harness.work.records import Phase, Role
from harness.work.workload import USUAL, Mode, Way


class Question(StrEnum):
    SAME = "written the same way"
    BEST = "each at its best"
    LADDER = "the best way in each"


ASKED: Final[dict[Hashable, str]] = {
    "question": "str",
    "way_of": "str",
    "way_over": "str",
    "contender_of": "str",
    "contender_over": "str",
}


def answers(
    trials: pd.DataFrame,
    rounds: pd.DataFrame,
    certificates: pd.DataFrame,
    *,
    hosts: Mapping[str, str] | None = None,
    margin: float = 0.03,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Judge comparisons and matches of all ways: what each question asks of each case.

    Args:
        trials: one row a trial, columns as in `store.schema.TRIALS`.
        rounds: one row a timed round, columns as in `store.schema.ROUNDS`.
        certificates: as `verdicts.verdicts` takes them. A ratio of which one contender has none that holds
            gets no verdict and enters no family.
        hosts: as `verdicts.verdicts` takes them.
        margin: smallest relative difference worth calling.
        confidence: of the intervals; 1 - confidence is the error rate of a family.

    Returns:
        One row a question, case, phase and ratio, in the columns of `verdicts.verdicts`: `case_id` is that of
        the usual loops. Beside them `question`, and of both contenders the way (`way_of`, `way_over`) and the
        name. Only training is asked of other ways than the loops. A ladder's ratio is of a way over its
        framework's loop, and its verdict names the faster way; other verdicts name the framework.

    Raises:
        ResultsUnusable: runs that compare different frameworks.
    """
    loop = trials["mode"].eq(USUAL.mode) & trials["update"].eq(USUAL.update)
    # What a comparison compares is written alike, whatever its mode.
    usual = trials[~trials["role"].eq(Role.WAYS) | loop]
    cases = usual[CASE].drop_duplicates("case_id")
    asked = list(_questions(trials, usual))
    measured = effects(trials, rounds)
    lacking = refusals(trials.drop_duplicates("case_id"), certificates) | left_out(usual)
    notes = failure_notes(usual)
    rows: list[dict[str, Any]] = []
    for phase in Phase:
        of_phase = [one for one in asked if one.question is Question.SAME or phase is Phase.TRAIN]
        found = measured[measured["phase"] == phase]
        matches = {one.ratio: _matches(found, one) for one in of_phase}
        samples = {ratio: one["log_ratio"].to_numpy(dtype=np.float64) for ratio, one in matches.items()}
        where = {ratio: hosts_of(one, hosts) for ratio, one in matches.items()}
        judged = _judge(of_phase, samples, where, lacking, margin=margin, alpha=1 - confidence)
        for one in of_phase:
            judgement, refusal = judged[one.ratio], one.refused(lacking)
            rows.append(
                {
                    **one.columns,
                    "phase": str(phase),
                    "replicates": samples[one.ratio].size,
                    "confidence": confidence,
                    "verdict": None if refusal else one.called(judgement.verdict),
                    "reason": refusal or judgement.reason + notes.get(one.ratio.case_id, ""),
                    **numbers(judgement),
                    **of_hosts(samples[one.ratio], where[one.ratio], confidence),
                    **totals(matches[one.ratio], confidence, where[one.ratio]),
                }
            )
    dtypes = {**ASKED, **DTYPES, **({} if hosts is None else OF_HOSTS)}
    told = pd.DataFrame(rows, columns=list(dtypes)).astype(dtypes)
    return cases.merge(told, on="case_id")


def undisturbed(
    trials: pd.DataFrame,
    rounds: pd.DataFrame,
    certificates: pd.DataFrame,
    *,
    hosts: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """What is said of the usual loops without the rounds in which a contender was disturbed.

    See `verdicts.undisturbed`.
    """
    told = answers(trials, rounds.loc[disturbances(rounds).isna(), TURN], certificates, hosts=hosts)
    return told[told["question"] == Question.SAME]


class _Asked:
    """One ratio that a question asks for; `of` and `over` are rows of trials."""

    def __init__(
        self, question: Question, case_id: str, of: Mapping[Hashable, Any], over: Mapping[Hashable, Any]
    ) -> None:
        self.question = question
        self.ratio = Ratio(case_id, str(of["contender"]), str(over["contender"]))
        self._of, self._over = of, over

    @property
    def columns(self) -> dict[str, Any]:
        return {
            "question": str(self.question),
            "case_id": self.ratio.case_id,
            "speed_of": self._of["framework"],
            "speed_over": self._over["framework"],
            "way_of": way_of(self._of).id,
            "way_over": way_of(self._over).id,
            "contender_of": self.ratio.first,
            "contender_over": self.ratio.second,
        }

    def called(self, verdict: str) -> str:
        """The verdict with the framework's name, or the way's, in place of the contender's."""
        for row in (self._of, self._over):
            name = way_of(row).id if self.question is Question.LADDER else row["framework"]
            if verdict == f"{row['contender']} faster":
                return f"{name} faster"
        return verdict

    def refused(self, lacking: Mapping[str, str]) -> str | None:
        """Why there is no verdict; None where both have their certificates."""
        return next(
            (lacking[row["case_id"]] for row in (self._of, self._over) if row["case_id"] in lacking), None
        )


def _questions(trials: pd.DataFrame, usual: pd.DataFrame) -> Iterator[_Asked]:
    """What can be asked of these trials: a match that was interrupted lacks those who had not begun."""
    frameworks = compared(trials)
    cases = _cases(trials, usual)
    for case_id in usual["case_id"].drop_duplicates():
        rows = trials[cases == case_id]
        loops = _by_framework(usual[usual["case_id"] == case_id])
        for question, of in ((Question.SAME, loops), (Question.BEST, _by_framework(_chosen(rows)))):
            for one, other in pairs([name for name in frameworks if name in of]):
                yield _Asked(question, case_id, of[one], of[other])
        for name in [name for name in frameworks if name in loops]:
            of_framework = rows[rows["framework"] == name].drop_duplicates("contender")
            for way in of_framework.to_dict("records"):
                if way["contender"] != loops[name]["contender"]:
                    yield _Asked(Question.LADDER, case_id, way, loops[name])


def _cases(trials: pd.DataFrame, usual: pd.DataFrame) -> pd.Series:
    """The case of each trial's match: that of those in it who are written alike."""
    known = usual.drop_duplicates(MATCH).set_index(MATCH)["case_id"]
    return known.reindex(pd.MultiIndex.from_frame(trials[MATCH])).set_axis(trials.index)


def _by_framework(rows: pd.DataFrame) -> dict[str, dict[Hashable, Any]]:
    """A row of each framework that has any."""
    firsts = rows.drop_duplicates("framework").to_dict("records")
    return {str(row["framework"]): row for row in firsts}


def _chosen(rows: pd.DataFrame) -> pd.DataFrame:
    """Trials of chosen ways; of several runs, whose pilots may differ, those most often chosen first."""
    chosen = rows[rows["chosen"].eq(True)]  # noqa: FBT003  (a value to match, with nulls)
    often = chosen.groupby("contender", sort=False)["trial_id"].transform("size")
    return chosen.assign(often=often).sort_values("often", ascending=False, kind="stable")


def way_of(row: Mapping[Hashable, Any]) -> Way:
    """The way of a trial, from its row."""
    return Way(mode=Mode(row["mode"]), update=Update(row["update"]))


def _matches(found: pd.DataFrame, asked: _Asked) -> pd.DataFrame:
    """The ratio in each match: of one that memory split, in the first part that both sat in."""
    log_ratios = ratios(found, "contender", asked.ratio.first, asked.ratio.second)
    whole = log_ratios["match_id"].str.replace(r"-part\d+$", "", regex=True)
    return log_ratios[~pd.DataFrame({"run": log_ratios["run_id"], "match": whole}).duplicated()]


def _judge(
    asked: list[_Asked],
    samples: Mapping[Ratio, npt.NDArray[np.float64]],
    where: Mapping[Ratio, list[str] | None],
    lacking: Mapping[str, str],
    *,
    margin: float,
    alpha: float,
) -> dict[Ratio, Judgement]:
    """Judge what is certified as one family; the rest keep an interval."""
    questions: dict[str, list[Ratio]] = {}
    for one in asked:
        if one.refused(lacking) is None:
            questions.setdefault(one.question, []).append(one.ratio)
    answered = judge_questions(questions, samples, margin=margin, alpha=alpha, hosts=where)
    judged = {ratio: judgement for ratios in answered.values() for ratio, judgement in ratios.items()}
    return {
        ratio: judged.get(ratio) or without_tests(sample, where[ratio], confidence=1 - alpha)
        for ratio, sample in samples.items()
    }
