"""Verdicts of many contenders: questions ask for ratios of two, and all ratios asked for are one family.

Ratios of a match share contenders and turns, and cases share a machine, so the tests of a family depend on
each other. Holm's correction asks nothing of their dependence (Holm 1979, by Bonferroni's inequality alone).
How often it errs, with the harness's stopping, is measured in docs/decisions/0005-effects-of-a-match.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy.typing as npt

from harness.analysis.statistics import Judgement, Verdict, judge_family


@dataclass(frozen=True, slots=True, order=True)
class Ratio:
    """The first contender's speed over the second's, in one case."""

    case_id: str
    first: str
    second: str

    def __post_init__(self) -> None:
        if self.first == self.second:
            raise ValueError(f"{self.first} cannot be asked for over itself")

    @property
    def inverse(self) -> Ratio:
        return Ratio(self.case_id, self.second, self.first)


def every_two(case_id: str, contenders: Sequence[str]) -> list[Ratio]:
    """All ratios of a case's contenders, each once: those named earlier over those named later."""
    return [Ratio(case_id, first, second) for first, second in combinations(contenders, 2)]


def judge_questions(
    questions: Mapping[str, Iterable[Ratio]],
    samples: Mapping[Ratio, npt.ArrayLike],
    *,
    margin: float = 0.03,
    alpha: float = 0.05,
    hosts: Mapping[Ratio, Sequence[str] | None] | None = None,
) -> dict[str, dict[Ratio, Judgement]]:
    """Judge all ratios that questions ask for as one family, by the rule of `statistics.judge_family`.

    A ratio that several questions ask for is one hypothesis, corrected for once and answered alike; one
    that none asks for is no member of the family.

    Args:
        questions: the ratios that each question asks for.
        samples: (replicates,) log-ratios of each of them: differences of the contenders' effects.
        margin: smallest relative difference worth calling, above 0.
        alpha: error rate of the family, in (0, 1).
        hosts: the host of each replicate, None where there is one; None: one host for all.

    Returns:
        For each question the judgement of each ratio, in the order asked; a verdict names the contender:
        `<contender> faster`.

    Raises:
        ValueError: margin or alpha out of range, a ratio without log-ratios, or one that is asked for both
            ways round.
    """
    asked = {question: list(dict.fromkeys(ratios)) for question, ratios in questions.items()}
    family = dict.fromkeys(ratio for ratios in asked.values() for ratio in ratios)
    for ratio in family:
        if ratio not in samples:
            raise ValueError(f"nothing measured {ratio.first} over {ratio.second} in {ratio.case_id}")
        if ratio.inverse in family:
            raise ValueError(f"{ratio.first} over {ratio.second} in {ratio.case_id} is asked both ways round")
    where = None if hosts is None else [hosts[ratio] for ratio in family]
    judged = judge_family([samples[ratio] for ratio in family], margin=margin, alpha=alpha, hosts=where)
    named = {ratio: _named(ratio, judgement) for ratio, judgement in zip(family, judged, strict=True)}
    return {question: {ratio: named[ratio] for ratio in ratios} for question, ratios in asked.items()}


def _named(ratio: Ratio, judgement: Judgement) -> Judgement:
    """The judgement with the faster contender's name where the family's rule has a side."""
    faster: dict[str, str] = {Verdict.A_FASTER: ratio.first, Verdict.B_FASTER: ratio.second}
    name = faster.get(judgement.verdict)
    return judgement if name is None else replace(judgement, verdict=f"{name} faster")
