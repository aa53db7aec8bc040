"""What this machine can tell apart, in words: the run's own control, and what calibrations found here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pandas as pd

from harness.analysis.calibration import POWER, RESOLVED, calibration, families
from harness.analysis.kinds import hosts, parts
from harness.analysis.residents import beside_others
from harness.analysis.statistics import Verdict
from harness.analysis.usual import IN_TURNS
from harness.analysis.verdicts import control
from harness.report import words
from harness.report.sentences.hosts import known
from harness.store.frames import Frames

# What workers lose beside others is told where it is more.
_TOLD_SHARE: Final = 0.01

_COLUMNS: Final = ("planted", "way", "tries", "wrong", "found", "undecided", "interval held", "half-width")

_CALLED: Final = {Verdict.A_FASTER, Verdict.B_FASTER}


def control_told(frames: Frames) -> str:
    """What the run's own control says, in one or two sentences; of several kinds of hardware, of each."""
    several = parts(frames)
    if len(several) == 1:
        return _control_told(frames)
    return " ".join(f"{words.plain(one.kinds['name'].iloc[0])}: {_control_told(one)}" for one in several)


def _control_told(frames: Frames) -> str:
    judged = control(frames.controls, frames.control_rounds, hosts=hosts(frames))
    if judged is None or judged.interval is None:
        return "No control was measured: nothing here ran one framework against itself."
    interval = judged.interval
    said = (
        f"Control: one framework against itself, {words.plural(interval.replicates, 'replicate')}, ratio "
        f"{words.ratio(interval.estimate)}"
    )
    if interval.low is not None and interval.high is not None:
        said += f" ({words.ratio(interval.low)} to {words.ratio(interval.high)})"
    if judged.verdict in _CALLED:
        return f"{said}. The truth is 1, yet it was called different: trust no small difference of this run."
    if judged.verdict is Verdict.EQUIVALENT:
        return f"{said}. The truth is 1, and it was called equivalent, as it should be."
    return f"{said}. The truth is 1, and nothing was called: {judged.reason}."


def calibration_told(frames: Frames) -> list[str]:
    """What the calibrations on this machine found, a sentence a question."""
    if len(frames.runs["hostname"].unique()) > 1:
        tries = known(frames)["tries"]
        calibrated = f"{int((tries > 0).sum())} of {len(tries)} hosts were calibrated with `make calibrate`"
        return [f"{calibrated}; the table of hosts has what came out."]
    if frames.attempts.empty:
        return ["This machine has not been calibrated for this: `make calibrate` tells how often it errs."]
    return told_apart(frames.attempts)


def residents_told(frames: Frames) -> Iterator[str]:
    """What a worker loses beside others, where it is more than a percent: a sentence a framework and size."""
    if frames.residents.empty:
        return
    found = beside_others(frames.residents)
    cost = found[(found["ratio"] - 1).abs() > _TOLD_SHARE]
    for (framework, batch_size), of in cost.groupby(["framework", "batch_size"], sort=False):
        told = words.listed(
            f"{words.ratio(row['ratio'])} ({words.interval(row['low'], row['high'])}) with "
            f"{words.plural(row['partners'], 'other')}"
            for row in of.to_dict("records")
        )
        yield (
            f"In turns on the CPU {words.framework(str(framework))} at batch {batch_size} has this much "
            f"of its speed alone: {told} ({words.plural(of['replicates'].min(), 'replicate')})."
        )


def told_apart(attempts: pd.DataFrame) -> list[str]:
    """False alarms beside the usual ways', what was found of what was planted, what shows by when."""
    of_cases = [
        sentence
        for of_case, where in _by_case(attempts)
        for sentence in (
            *_false_alarms(of_case, where),
            *_beside_usual(of_case, where),
            *_found(of_case, where),
            _resolved(of_case, where),
        )
    ]
    return [*of_cases, *_together(attempts)]


def calibration_in_brief(frames: Frames) -> list[str]:
    """Of each of the runs' cases how often verdicts are wrong and what shows by when."""
    if frames.attempts.empty or len(frames.runs["hostname"].unique()) > 1:
        return calibration_told(frames)
    measured = set(map(words.tried, frames.of_all_ways["case_id"]))
    mine = frames.attempts[frames.attempts["case_id"].map(words.tried).isin(measured)]
    if mine.empty:
        return ["This machine was calibrated, but for other cases than these: the page has what came out."]
    return [
        sentence
        for of_case, where in _by_case(mine)
        for sentence in (*_false_alarms(of_case, where), _resolved(of_case, where))
    ]


def _by_case(attempts: pd.DataFrame) -> Iterator[tuple[pd.DataFrame, str]]:
    """The rows of `calibration` that are a case's, and what tells it from the others."""
    summed = calibration(attempts)
    for case_id, name in words.tried_apart(summed["case_id"]).items():
        yield summed[summed["case_id"] == case_id], f" at {name}" if name else ""


def _false_alarms(of_case: pd.DataFrame, where: str) -> Iterator[str]:
    same = of_case[(of_case["planted_share"] == 0) & (of_case["way"] == IN_TURNS)]
    for row in same.to_dict("records"):
        called = f"{row['wrong']} {'was' if row['wrong'] == 1 else 'were'} called"
        yield (
            f"Calibration{where}: of {words.plural(row['tries'], 'comparison')} of a framework with "
            f"itself, {words.try_length(row['try_s'], row['replicates'])} each, {called} "
            f"different ({_share(row, 'wrong')}); the interval held the true ratio in "
            f"{row['covered']} ({_share(row, 'covered')})."
        )


def _together(attempts: pd.DataFrame) -> Iterator[str]:
    """What a run of several cases promises, and no case by itself can tell."""
    for row in families(attempts).to_dict("records"):
        tries = words.plural(row["tries"], "try", "tries")
        length = words.try_length(row["try_s"], row["replicates"])
        yield (
            f"Several cases of equals were judged together, as a run's are, in {tries} of {length}: in "
            f"{row['wrong']} of them one or more were called different ({_share(row, 'wrong')})."
        )


def _beside_usual(of_case: pd.DataFrame, where: str) -> Iterator[str]:
    usual = of_case[(of_case["planted_share"] == 0) & (of_case["way"] != IN_TURNS)]
    for try_s, ways in usual.groupby("try_s"):
        told = words.listed(f"{row['wrong']} by {words.way(row['way'])}" for row in ways.to_dict("records"))
        compared = words.plural(ways["tries"].max(), "comparison")
        yield (
            f"Measured for {try_s:g} s the usual way, all of one side and then all of the other, of "
            f"{compared}{where} were called different: {told}."
        )


def _found(of_case: pd.DataFrame, where: str) -> Iterator[str]:
    planted = of_case[(of_case["planted_share"] > 0) & (of_case["way"] == IN_TURNS)]
    for row in planted.to_dict("records"):
        length = words.try_length(row["try_s"], row["replicates"])
        yield (
            f"A planted slow-down of {words.asked_share(row['planted_share'])}{where} was found in "
            f"{row['found']} of {words.plural(row['tries'], 'try', 'tries')} of {length} "
            f"({_share(row, 'found')}), with the wrong sign in {row['wrong_sign']}."
        )


def _resolved(of_case: pd.DataFrame, where: str) -> str:
    own, told = of_case[of_case["way"] == IN_TURNS], []
    tries = words.plural(int(own["tries"].sum()), "try tells", "tries tell")
    for name, time_s in RESOLVED.items():
        found = own[name].dropna()
        ends = sorted(found)[:: max(1, len(found) - 1)]
        span = " to ".join(dict.fromkeys(words.share(end, 1) for end in ends))
        what = f"one of {span}" if span else "none, as it holds too few replicates"
        told.append(f"in {words.plural(time_s // 60, 'minute')} {what}")
    return (
        f"As far as {tries}, matches{where or ' of one case'} show a difference {words.share(POWER, 0)} of "
        f"the time, whatever they call it: {words.listed(told)}."
    )


def calibrated(summed: pd.DataFrame, *, shares: bool = True) -> pd.DataFrame:
    """Rows of `calibration` as cells of text, in named columns; the case only where there are several.

    Without `shares` counts stand by themselves. In how many matches a try was is told where that differs.
    """
    names = summed["case_id"].map(words.tried_apart(summed["case_id"]))
    several = len(summed.loc[summed["way"] == IN_TURNS, "replicates"].unique()) > 1
    rows = (_cells(row, shares=shares, matches=several) for row in summed.to_dict("records"))
    cells = pd.DataFrame(rows, columns=list(_COLUMNS))
    return cells.assign(case=names)[["case", *_COLUMNS]] if any(names) else cells


def _cells(row: dict[Any, Any], *, shares: bool, matches: bool) -> tuple[str, ...]:
    length = words.try_length(row["try_s"], row["replicates"] if matches else 1)
    wrong, found, covered = (
        words.MISSING if pd.isna(row[f"{name}_share"]) else f"{row[name]}{shares * f' ({_share(row, name)})'}"
        for name in ("wrong", "found", "covered")
    )
    return (
        words.asked_share(row["planted_share"]),
        words.way(row["way"]),
        f"{words.count(row['tries'])} of {length}",
        wrong,
        found,
        words.count(row["undecided"]),
        covered,
        words.share(row["half_width"], 1),
    )


def _share(row: dict[Any, Any], name: str) -> str:
    share, low, high = (words.share(row[f"{name}_share{end}"], 0) for end in ("", "_low", "_high"))
    return f"{share}; {low} to {high}"
