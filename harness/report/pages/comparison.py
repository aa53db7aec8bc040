"""Two runs compared, in words, tables and one page: what changed, by how much, and what else differs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from harness import __version__
from harness.analysis.compare import Change
from harness.report import style, words
from harness.report.exchange import SHAPE, records
from harness.report.figures import timelines
from harness.report.pages import context
from harness.report.pages.context import Page, Section, Table
from harness.report.sentences.cases import cases, labelled
from harness.report.sentences.ratios import Answer
from harness.report.sentences.unfinished import unfinished
from harness.store.frames import Frames
from harness.work.records import Phase

_DID: Final = {Phase.TRAIN: "trains", Phase.EVALUATE: "evaluates"}
_NAMES: Final = {Phase.TRAIN: "Training", Phase.EVALUATE: "Evaluation"}
_MOST_LISTED: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """Two runs and what was found: `changes` from `analysis.compare`, `differences` of provenance.

    `across_machines` says that the runs come from different machines, and that this was asked for.
    """

    a: Frames
    b: Frames
    changes: pd.DataFrame
    differences: pd.DataFrame
    across_machines: bool

    @property
    def ids(self) -> tuple[str, str]:
        return str(self.a.runs["run_id"].iloc[-1]), str(self.b.runs["run_id"].iloc[-1])

    @property
    def too_slow(self) -> pd.DataFrame:
        """The rows in which B surely takes longer than was allowed."""
        return self.changes[self.changes["too_slow"].eq(True)]  # noqa: FBT003  (a value to match, with nulls)

    @property
    def both(self) -> Frames:
        names = Frames.__dataclass_fields__
        return Frames(**{name: pd.concat([getattr(self.a, name), getattr(self.b, name)]) for name in names})


def answers(compared: Comparison) -> list[Answer]:
    """A sentence a phase, framework and kind of change."""
    rows = _labelled(compared)
    return [_answer(group) for (_, _, _), group in rows.groupby(["phase", "framework", "change"], sort=False)]


def notes(compared: Comparison) -> list[str]:
    """What a reader must know before any number of a comparison."""
    said = list(unfinished(pd.concat([compared.a.runs, compared.b.runs]).drop_duplicates("run_id")))
    run_a, run_b = compared.ids
    if run_a == run_b:
        said.append("Both sides are the same run, so nothing can differ.")
    if compared.across_machines:
        said.append(
            "The runs come from different machines: a ratio says how these machines with their versions "
            "compare, not what a version changed."
        )
    alike = _alike(compared.changes)
    if alike:
        both, others = ("all", "others'") if _several(compared) else ("both", "other's")
        said.append(
            f"In {words.plural(alike, 'comparison')} {both} frameworks changed alike, so look at the machine "
            f"first: what one framework changed would show in its speed over the {others}."
        )
    only = [_only(compared.a, compared.b, "A"), _only(compared.b, compared.a, "B")]
    return said + [one for one in only if one]


def gate(compared: Comparison) -> str | None:
    """What the limit on slowness found, in a sentence; None where there was no limit."""
    shares = compared.changes["slower_share"].dropna()
    if shares.empty:
        return None
    limit = f"more than {100 * shares.iloc[0]:g} % longer"
    slow = compared.too_slow
    if slow.empty:
        unknown = int(compared.changes["too_slow"].isna().sum())
        untested = f"; {unknown} of {len(compared.changes)} could not be judged" if unknown else ""
        return f"Nothing is shown to take {limit} in B{untested}."
    named = "; ".join(
        f"{words.framework(row['framework'])} {_DID[Phase(row['phase'])]} {words.plain(row['case_id'])}"
        for row in slow.head(_MOST_LISTED).to_dict("records")
    )
    more = f"; and {len(slow) - _MOST_LISTED} more" if len(slow) > _MOST_LISTED else ""
    return f"{len(slow)} of {len(compared.changes)} take {limit} in B: {named}{more}."


def table(compared: Comparison) -> Table:
    """All changes, a row each."""
    others = "the others' geometric mean" if _several(compared) else "the other framework's"
    rows = _labelled(compared).to_dict("records")
    return Table(
        caption=f"Speed of B over that of A, with intervals of 95 %; relative: over {others}",
        headers=("case", "phase", "framework", "A samples/s", "B samples/s", "B over A", "interval",
                 "change", "relative", "interval"),
        rows=tuple(_cells(row) for row in rows),
        numeric=(False, False, False, True, True, True, True, False, True, True),
    )  # fmt: skip


def differences(compared: Comparison) -> Table:
    """In what the runs' provenance differs."""
    return context.table(
        "What else is different",
        compared.differences,
        (("what", "what", None), ("A", "a", None), ("B", "b", None)),
    )


def document(compared: Comparison) -> dict[str, Any]:
    """The comparison for other programs; the shape is described in docs/OUTPUT.md."""
    run_a, run_b = compared.ids
    return {
        "shape": SHAPE,
        "a": run_a,
        "b": run_b,
        "across_machines": compared.across_machines,
        "answers": [*notes(compared), *(f"{one.says}." for one in answers(compared))],
        "changes": records(compared.changes),
        "differences": records(compared.differences),
        "too_slow": len(compared.too_slow),
    }


def page(compared: Comparison, command: str) -> Page:
    """The comparison as a page, in the form of the page of a run."""
    run_a, run_b = (words.plain(one) for one in compared.ids)
    limit = gate(compared)
    return Page(
        title="What has changed?",
        subject=f"Run B ({run_b}) against run A ({run_a}), each framework with itself. "
        f"{context.subject(compared.b)}",
        answers=tuple(answers(compared)),
        evaluation_answers=(),
        warnings=(*notes(compared), *([limit] if limit else [])),
        sections=(_changes_section(compared), _differences_section(compared)),
        commands=(command,),
        commits=context.commits(compared.b),
        footer=f"evenmatch {__version__}; compared {run_a} with {run_b}",
    )


def _changes_section(compared: Comparison) -> Section:
    rows = _labelled(compared).dropna(subset=["speed_ratio_low", "speed_ratio_high"])
    title, other = "Speed of B over that of A", "others" if _several(compared) else "other"
    intro = (
        "Left of the line B is slower; within the band a difference is not worth calling. "
        "The interval knows the noise between the replicates of a run. It does not know what the machine did "
        f"between the runs; the relative change in the table, each framework over the {other}, does."
    )
    svg = None
    if len(rows):
        with style.theme():
            figure = timelines.changes(rows)
            svg = style.inline_svg(figure, style.laid_out(figure), "changes", title, intro)
    return Section(
        name="changes",
        title=title,
        intro=intro,
        svg=svg,
        reason=None if svg else "No case has two replicates or more in both runs.",
        table=table(compared),
        table_open=True,
    )


def _differences_section(compared: Comparison) -> Section:
    found = differences(compared)
    return Section(
        name="differences",
        title="What else is different",
        intro="Machine, versions, settings and environment in which the two runs differ.",
        reason=None if found.rows else "Nothing: the same machine, versions, settings and environment.",
        table=found,
        table_open=True,
    )


def _labelled(compared: Comparison) -> pd.DataFrame:
    return labelled(compared.changes, cases(compared.both.trials))


def _answer(group: pd.DataFrame) -> Answer:
    first = group.iloc[0]
    phase, change = Phase(first["phase"]), Change(first["change"])
    subject = f"{words.framework(first['framework'])} {_DID[phase]}"
    batches = f"in {words.plural(len(group), 'case')}"
    measured = group.dropna(subset="speed_ratio")
    least, most = words.ratio(measured["speed_ratio"].min()), words.ratio(measured["speed_ratio"].max())
    span = least if least == most else f"{least} to {most}"
    says = {
        Change.FASTER: f"{subject} faster in B {batches}: {span} times as fast as in A",
        Change.SLOWER: f"{subject} slower in B {batches}: {span} times as fast as in A",
        Change.EQUIVALENT: f"{subject} as fast in B as in A, within 3 %, {batches}",
        Change.INCONCLUSIVE: f"whether {subject} at another speed is open {batches}",
    }[change]
    return Answer(where=_NAMES[phase], says=says, sure=_evidence(group), verdict=None)


def _evidence(group: pd.DataFrame) -> str:
    """Ratios and intervals, of a few cases; why nothing is called, where nothing is."""
    told = [
        f"{words.plain(row['label'])} {words.ratio(row['speed_ratio'])}"
        f"{'' if pd.isna(row['speed_ratio_low']) else f' ({_interval(row)})'}"
        for row in group.head(_MOST_LISTED).to_dict("records")
    ]
    more = f"; {len(group) - _MOST_LISTED} more in the table" if len(group) > _MOST_LISTED else ""
    reasons = [str(reason) for reason in group["reason"].drop_duplicates()[:_MOST_LISTED]]
    why = f"; {'; '.join(reasons)}" if group["change"].iloc[0] == Change.INCONCLUSIVE else ""
    return f"B over A: {'; '.join(told)}{more}{why}"


def _interval(row: dict[Any, Any]) -> str:
    return words.interval(row["speed_ratio_low"], row["speed_ratio_high"])


def _cells(row: dict[Any, Any]) -> tuple[str, ...]:
    return (
        words.plain(row["label"]),
        row["phase"],
        words.framework(row["framework"]),
        words.number(row["samples_per_s_a"]),
        words.number(row["samples_per_s_b"]),
        words.ratio(row["speed_ratio"]),
        _interval(row),
        row["change"],
        words.ratio(row["relative_ratio"]),
        words.interval(row["relative_ratio_low"], row["relative_ratio_high"]),
    )


def _several(compared: Comparison) -> bool:
    """Whether a framework has more than one other beside it."""
    return compared.changes["framework"].nunique() > 2  # noqa: PLR2004  (itself and the other)


def _alike(changes: pd.DataFrame) -> int:
    """Cases, training and evaluation apart, in which all got faster or slower and none over the others."""
    called = changes[changes["change"].isin([Change.FASTER, Change.SLOWER])]
    alone = (called["relative_ratio_low"] > 1) | (called["relative_ratio_high"] < 1)
    sizes = called[~alone].groupby(["case_id", "phase", "change"]).size()
    return int((sizes == changes["framework"].nunique()).sum())


def _only(here: Frames, there: Frames, name: str) -> str | None:
    """The cases that only one run measured."""
    alone = [
        case_id for case_id in here.trials["case_id"].unique() if case_id not in set(there.trials["case_id"])
    ]
    if not alone:
        return None
    named = words.listed(words.plain(case_id) for case_id in alone[:_MOST_LISTED])
    more = f" and {len(alone) - _MOST_LISTED} more" if len(alone) > _MOST_LISTED else ""
    return f"Only {name} measured {named}{more}."
