"""The order of three frameworks or more, in words: who is fastest, by how much, and who comes next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from harness.analysis.of_trials import pairs
from harness.analysis.statistics import Verdict
from harness.analysis.verdicts import FASTER, pairs_in, winner
from harness.report import words
from harness.report.sentences.ratios import (
    Answer,
    bounded,
    decided,
    on_hosts,
    over_all_turns,
    reach,
    reasons,
    so_far,
    span,
    towards,
    why_open,
)


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """What is said of cases in which every two frameworks have the same verdict.

    `rows` are those verdicts, one a case and two frameworks. `names` has what each framework is called,
    `verb` is what they do (train), `at` where (at batch 64), and `margin` what counts as equally fast. With
    `named` all are named where nobody is ahead.
    """

    rows: pd.DataFrame
    names: Mapping[str, str]
    verb: str
    at: str
    margin: float
    named: bool = False

    def answer(self, where: str) -> Answer:
        """One sentence, and its evidence; the verdict is that of one that is faster than all others."""
        verdicts = set(self._verdicts.values())
        everybody = words.listed(self.names.values()) if self.named else ""
        between = f"between {everybody} {self.at}" if everybody else self.at
        if None in verdicts:
            return Answer(where=where, says=f"no verdict {between}", sure=why_open(self.rows), verdict=None)
        if verdicts == {Verdict.INCONCLUSIVE.value}:
            says, verdict = f"{Verdict.INCONCLUSIVE} {between}", Verdict.INCONCLUSIVE.value
        elif verdicts == {Verdict.EQUIVALENT.value}:
            says = f"{everybody or 'all'} {self.verb} {self._equally}, {self.at}"
            verdict = Verdict.EQUIVALENT.value
        else:
            says, verdict = self._order()
        return Answer(where=where, says=says, sure="; ".join(self._evidence()), verdict=verdict)

    @property
    def _equally(self) -> str:
        return f"equally fast, within {100 * self.margin:g} %"

    @cached_property
    def _of(self) -> dict[tuple[str, str], pd.DataFrame]:
        """The rows of every two frameworks, one a case."""
        return {
            pair: self.rows[self.rows["speed_of"].eq(pair[0]) & self.rows["speed_over"].eq(pair[1])]
            for pair in pairs_in(self.rows)
        }

    @cached_property
    def _verdicts(self) -> dict[tuple[str, str], str | None]:
        firsts = {pair: rows["verdict"].iloc[0] for pair, rows in self._of.items()}
        return {pair: None if pd.isna(verdict) else str(verdict) for pair, verdict in firsts.items()}

    @cached_property
    def _ranked(self) -> list[str]:
        """The frameworks, the fastest first as far as the estimates tell."""
        lead = dict.fromkeys([name for pair in self._of for name in pair], 0.0)
        for (one, other), rows in self._of.items():
            log_ratio = float(np.nansum(np.log(rows["speed_ratio"])))
            lead[one] += log_ratio
            lead[other] -= log_ratio
        return sorted(lead, key=lambda name: -lead[name])

    @cached_property
    def _beaten(self) -> dict[str, list[str]]:
        """By the name of a framework, those that it is faster than, the nearest first."""
        found: dict[str, list[str]] = {name: [] for name in self._ranked}
        for (one, other), verdict in self._verdicts.items():
            faster = winner(verdict)
            if faster is not None:
                found[faster].append(other if faster == one else one)
        return {name: sorted(beaten, key=self._ranked.index) for name, beaten in found.items()}

    def _between(self, one: str, other: str) -> pd.DataFrame:
        return self._of[one, other] if (one, other) in self._of else self._of[other, one]

    def _verdict(self, one: str, other: str) -> str | None:
        return self._verdicts.get((one, other), self._verdicts.get((other, one)))

    def _order(self) -> tuple[str, str]:
        """The sentence where something is decided, and the verdict."""
        first, told = self._ranked[0], list(self._clauses())
        leaders = [one for one in self._ranked if not any(one in lost for lost in self._beaten.values())]
        if len(self._beaten[first]) == len(self._ranked) - 1:
            return f"{self.names[first]} {self.verb}s fastest {self.at}: {'; '.join(told)}", first + FASTER
        equal = {self._verdict(*pair) for pair in pairs(leaders)} == {Verdict.EQUIVALENT.value}
        if equal:
            named = words.listed(self.names[one] for one in leaders)
            head = f"{named} {self.verb} fastest, within {100 * self.margin:g} % of each other"
            told = list(self._clauses(said=leaders))
        else:
            head = f"which {self.verb}s fastest is not known"
        return f"{head}, {self.at}: {'; '.join(told)}", Verdict.INCONCLUSIVE.value

    def _clauses(self, said: Sequence[str] = ()) -> Iterator[str]:
        """What each is over those that it is faster than, then what is not told apart; not of two `said`."""
        first = self._ranked[0]
        alone = len(self._beaten[first]) == len(self._ranked) - 1
        for name, beaten in self._beaten.items():
            ratios = [self._ratio(name, other) for other in beaten]
            over = [f"{ratio} as {self.names[other]}" for ratio, other in zip(ratios, beaten, strict=True)]
            if over:
                over[0] = f"{ratios[0]} times as fast as {self.names[beaten[0]]}"
                yield ("" if alone and name == first else f"{self.names[name]} ") + ", ".join(over)
        for one, other in pairs(self._ranked):
            verdict = self._verdict(one, other)
            both = f"{self.names[one]} and {self.names[other]}"
            if verdict == Verdict.EQUIVALENT and not {one, other} <= set(said):
                yield f"{both} {self._equally}"
            elif verdict == Verdict.INCONCLUSIVE:
                yield f"{verdict} between {both}"

    def _ratio(self, faster: str, other: str) -> str:
        """How many times as fast, with the interval of a single case."""
        turned = towards(self._between(faster, other), faster)
        return bounded(turned.iloc[0].to_dict()) if len(turned) == 1 else span(turned)

    def _evidence(self) -> Iterator[str]:
        """Intervals and replicates of what is decided, and why the rest is not."""
        alone = len(self.rows) == len(self._of)
        leads = {
            pair: self._faster_first(pair) for pair, said in self._verdicts.items() if decided(said or "")
        }
        if leads:
            # Those of a single case stand beside its ratios.
            beside = {pair for pair in leads if alone and winner(self._verdicts[pair])}
            told = [
                f"{words.over(lead)} {reach(self._of[pair], lead[0])}"
                for pair, lead in leads.items()
                if pair not in beside
            ]
            confidence = f"{100 * self.rows['confidence'].iloc[0]:g} % intervals"
            yield f"{confidence}{': ' if told else ''}{'; '.join(told)}"
            fewest = min(int(self._of[pair]["replicates"].min()) for pair in leads)
            yield f"{words.plural(fewest, 'replicate')}{'' if alone else ' or more each'}"
        for pair, lead in leads.items():
            if others := on_hosts(self._of[pair], lead[0]) + over_all_turns(self._of[pair], lead[0]):
                yield f"{words.over(lead)}: {others.removeprefix('; ')}"
        yield from self._open([rows for pair, rows in self._of.items() if pair not in leads])

    def _open(self, undecided: Sequence[pd.DataFrame]) -> Iterator[str]:
        """Why these are not decided, and what was measured nonetheless."""
        if undecided:
            measured = [rows[rows["speed_ratio"].notna()] for rows in undecided]
            told = "; ".join(so_far(rows) for rows in measured if len(rows))
            yield f"{reasons(pd.concat(undecided))}{f'. {told}' if told else ''}"

    def _faster_first(self, pair: tuple[str, str]) -> tuple[str, str]:
        one, other = pair
        return (other, one) if winner(self._verdicts[pair]) == other else (one, other)
