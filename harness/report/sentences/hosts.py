"""Hosts and kinds of hardware in words: what varies between them, who is off, who was left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

import pandas as pd

from harness.analysis.hosts import states
from harness.analysis.statistics import MIN_REPLICATES
from harness.report import words
from harness.store.frames import Frames

RULE: Final = (
    "A host is off where its control is surely further from 1 than 3 %, corrected for the number of "
    "hosts, or where its calibration called equals different surely more often than 5 %. That is decided "
    "without a look at what the host says of the frameworks."
)

# The option that leaves hosts out, as it is typed.
LEAVE_OUT: Final = "--leave-out off-hosts"


@lru_cache(maxsize=4)
def known(frames: Frames) -> pd.DataFrame:
    """The hosts of these frames, as `analysis.hosts.states` tells them; kept as `answer.judge` is."""
    return states(frames)


def several(frames: Frames) -> bool:
    """Whether there is more than one host to be told of, those that were left out among them."""
    return len(frames.runs["hostname"].unique()) > 1 or len(frames.left_out) > 0


def warned(frames: Frames) -> Iterator[str]:
    """Which hosts are off, and which were left out for that."""
    if not several(frames):
        return
    for row in frames.left_out.to_dict("records"):
        yield f"Left out by the rule for hosts that are off: {_named(row)}, as {row['reason']}."
    for row in known(frames).query("off").to_dict("records"):
        yield (
            f"Host {_named(row)} is off: {row['reason']} ({control(row)}). It is among the hosts here; "
            f"`harness report {LEAVE_OUT}` leaves it out."
        )


def control(row: Mapping[Any, Any]) -> str:
    """A host's control: its ratio with the interval."""
    if pd.isna(row["control_ratio"]):
        return words.MISSING
    reach = words.interval(row["control_low"], row["control_high"])
    return words.ratio(row["control_ratio"]) + ("" if reach == words.MISSING else f" ({reach})")


def calibrated(row: Mapping[Any, Any]) -> str:
    """What a host's calibration found where nothing differed."""
    if not row["tries"]:
        return "none"
    reach = f"{words.share(row['wrong_low'], 0)} to {words.share(row['wrong_high'], 0)}"
    return f"{row['wrong']} of {row['tries']} called different ({reach})"


def varied(judged: pd.DataFrame) -> Iterator[str]:
    """By what replicates and hosts vary: a sentence a case that several hosts measured."""
    for row in judged[judged["hosts"] > 1].to_dict("records"):
        if pd.isna(row["replicate_sd"]):
            continue
        between = (
            "hosts by no more than that explains"
            if row["host_sd"] == 0
            else f"hosts beyond that by {words.share(row['host_sd'], 1)}"
        )
        yield (
            f"{words.plain(row['label'])}: replicates of one host vary by "
            f"{words.share(row['replicate_sd'], 1)}, {between} (standard deviations of the ratio; "
            f"{row['replicates']} replicates on {row['hosts']} hosts)."
        )


def state(row: Mapping[Any, Any]) -> str:
    return "off" if row["off"] else "not judged" if row["controls"] < MIN_REPLICATES else "as it should be"


def _named(row: Mapping[Any, Any]) -> str:
    kind = f" ({words.plain(row['kind'])})" if row["kind"] else ""
    return f"{words.plain(row['host'])}{kind}"
