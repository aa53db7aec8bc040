"""Where it was measured, if at several places: kinds of hardware side by side, and the hosts of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pandas as pd

from harness.analysis.across import across
from harness.analysis.hosts import found_by
from harness.analysis.kinds import case_of
from harness.report import words
from harness.report.figures.hosts import by_host
from harness.report.pages import context
from harness.report.pages.context import Section
from harness.report.pages.evidence import Evidence
from harness.report.pages.sections.drawing import drawn, named
from harness.report.sentences import hosts as told
from harness.report.sentences.cases import batch, describe, differing
from harness.work.records import Phase

# More rows do not fit one figure.
_MOST_ROWS: Final = 60

_KINDS: Final = (
    "A ratio belongs to its kind of hardware, and nothing is averaged over kinds. Measured were: {kinds}. "
    "Where kinds differ in several things, hardware or versions, this cannot tell which of them makes a "
    "difference. The ratio of one kind over that of another has an interval of its own, and is said to "
    "differ where that is sure after correction for all rows."
)


def kinds(shown: Evidence) -> Section:
    """The ratios of several kinds of hardware side by side."""
    judged = shown.judged[shown.judged["phase"] == Phase.TRAIN]
    refused = list(judged.loc[judged["verdict"].isna(), "case_id"])
    found = across(shown.frames, refused)
    found = found.assign(label=found["case"].map(_told_apart(judged)))
    found = found.assign(asked=named(shown, found, "label"))
    return Section(
        name="kinds",
        title="Kinds of hardware",
        intro=_KINDS.format(kinds="; ".join(context.kinds_told(shown.frames))),
        points=tuple(_difference(row) for row in found.to_dict("records")),
        reason=None if len(found) else "No case was measured on two kinds.",
        table=context.table(
            "The ratio of each kind, and of one kind over another",
            found,
            (
                ("case", "asked", None),
                ("kind", "kind", None),
                ("ratio", "ratio_of", words.ratio),
                ("other kind", "other", None),
                ("ratio", "ratio_over", words.ratio),
                ("one over the other", "difference", words.ratio),
                ("from", "difference_low", words.ratio),
                ("to", "difference_high", words.ratio),
                ("p, corrected", "p_adjusted", words.number),
                ("differs", "differs", lambda differs: "yes" if differs else "not shown"),
            ),
        ),
        table_open=True,
    )


def _told_apart(judged: pd.DataFrame) -> dict[str, str]:
    """Each case in words, without its kind."""
    apart = [part for part in differing(judged) if part != "kind"]
    rows = judged.to_dict("records")
    return {
        case_of(row["case_id"]): ", ".join([one for one in (describe(row, apart), batch(row)) if one])
        for row in rows
    }


def _difference(row: dict[Any, Any]) -> str:
    """Two kinds in one case, as a sentence."""
    label, asked = words.plain(row["label"]), words.speed_over((row["speed_of"], row["speed_over"]))
    said = (
        f"{label[:1].upper()}{label[1:]}: {asked} is {words.ratio(row['ratio_of'])} on "
        f"{words.plain(row['kind'])} and {words.ratio(row['ratio_over'])} on {words.plain(row['other'])}"
    )
    if pd.isna(row["p_adjusted"]):
        return f"{said}; too few replicates to say whether they differ."
    return f"{said}; {'they differ' if row['differs'] else 'that they differ is not shown'}."


def hosts(shown: Evidence, pictures: Path) -> Section:
    """What each host found, how much hosts vary, and which is off by the rule that was fixed beforehand."""
    judged = shown.judged[(shown.judged["phase"] == Phase.TRAIN) & shown.judged["verdict"].notna()]
    judged = judged.assign(label=named(shown, judged, "label"))
    bounded = judged[judged["speed_ratio_low"].notna()]
    found = found_by(shown.frames)
    found = found[found["case_id"].isin(bounded["case_id"])]
    reason = shown.nothing_to_draw
    if reason is None and bounded.empty:
        reason = "Too few replicates for an interval of any ratio."
    elif reason is None and len(found) + len(bounded) > _MOST_ROWS:
        reason = f"{len(found)} ratios of single hosts do not fit one figure."
    here, gone = told.known(shown.frames).to_dict("records"), shown.frames.left_out.to_dict("records")
    rows = [row | {"state": told.state(row)} for row in here] + [row | {"state": "left out"} for row in gone]
    varied = tuple(told.varied(judged)) if "hosts" in judged else ()
    return drawn(
        pictures,
        "hosts",
        title="Hosts",
        intro="Hosts of a kind are blocks: replicates of one host share what that host is. So the "
        "interval of a kind, thick, knows what its hosts differ by, and answers for hosts of that "
        "kind. The thin ones are of single hosts, each by itself.",
        points=(*varied, told.RULE),
        reason=reason,
        draw=lambda: by_host(bounded, found),
        table=context.table(
            "Hosts, their controls and calibrations",
            pd.DataFrame([row | {"calibration": told.calibrated(row)} for row in rows]),
            (
                *([("kind", "kind", None)] if len(shown.frames.kinds) else []),
                ("host", "host", None),
                ("controls", "controls", words.count),
                ("control", "control_ratio", words.ratio),
                ("from", "control_low", words.ratio),
                ("to", "control_high", words.ratio),
                ("calibration", "calibration", None),
                ("state", "state", None),
                ("why", "reason", None),
            ),
        ),
    )
