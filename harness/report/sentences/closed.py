"""Whether an explanation closes, in words: and if not, which noise kept it from that, and what would help."""

from __future__ import annotations

from typing import Any, Final

from harness.analysis.closing import LEAST, MOST, Closing
from harness.analysis.intervals import Interval
from harness.analysis.statistics import MIN_REPLICATES
from harness.report import words

_WANTED: Final = f"{words.ratio(LEAST)} to {words.ratio(MOST)}"


def closed(found: Closing, *, turned: bool) -> str:
    """One or a few sentences; `turned` where factors are told from the second end to the first."""
    walks = words.plural(found.walks, "walk")
    bounds = _bounds(found.unexplained, turned=turned)
    if found.closes:
        return f"The unexplained factor's interval, {bounds} after {walks}, lies inside {_WANTED}."
    said = f", {bounds} after {walks}," if bounds else ""
    missing = [*_walks(found), *_noise(found), *_split(found)]
    if found.unexplained_inside and found.walks >= MIN_REPLICATES:
        whole = _bounds(found.whole, turned=turned)
        first = (
            f"The unexplained factor's interval{said} lies inside {_WANTED}, but the whole, {whole}, is not "
            f"known as closely."
        )
    else:
        first = f"The unexplained factor's interval{said} is not shown to lie inside {_WANTED}."
    return " ".join([first, f"What kept it from that: {'; '.join(missing)}.", *_wanting(found)])


def as_fields(found: Closing) -> dict[str, Any]:
    """The same for another program; see docs/OUTPUT.md."""
    return {
        "closes": found.closes,
        "walks": found.walks,
        "walks_with_a_failure": found.broken,
        "parts": found.parts,
        "turns": found.turns,
        "walk_s": found.walk_s,
        "scatter": found.scatter,
        "turn_noise": found.turn_noise,
        "process_noise": found.process_noise,
        "walks_needed": found.needed,
    }


def _bounds(interval: Interval | None, *, turned: bool) -> str:
    if interval is None or interval.low is None or interval.high is None:
        return ""
    low, high = (1 / interval.high, 1 / interval.low) if turned else (interval.low, interval.high)
    return words.interval(low, high)


def _walks(found: Closing) -> list[str]:
    said = []
    if found.walks < MIN_REPLICATES:
        said.append(f"{words.plural(found.walks, 'whole walk')}, where at least {MIN_REPLICATES} are needed")
    if found.broken:
        said.append(f"{words.plural(found.broken, 'walk')} without all programs, as some failed")
    return said


def _noise(found: Closing) -> list[str]:
    turns = (
        f"single turns ({words.count(found.turns)} a walk) make {words.share(found.turn_noise, 1)} of noise"
    )
    if found.scatter is None:
        return [] if found.turn_noise is None else [turns]
    said = f"what one walk leaves unexplained scatters by {words.share(found.scatter, 1)}"
    if found.turn_noise is None:
        return [said]
    processes = f"the speeds that processes are born with {words.share(found.process_noise, 1)}"
    return [f"{said}: {turns}, {processes}"]


def _split(found: Closing) -> list[str]:
    if found.parts is None or found.parts == 1:
        return []
    return [f"memory split a walk into {found.parts} matches, which share the two ends alone"]


def _wanting(found: Closing) -> list[str]:
    """What would be needed, as far as the walks so far tell."""
    if found.walk_s is None:
        return []
    if found.needed is not None and found.needed <= found.walks:
        return ["Its middle is off 1 by more than this noise makes, so more walks alone may not help."]
    if found.needed is not None:
        walks, needed_s = words.plural(found.needed, "walk"), found.needed * found.walk_s
        return [f"About {walks} that scatter alike would do: BUDGET={needed_s:.0f} seconds."]
    if found.walks < MIN_REPLICATES:
        needed_s = MIN_REPLICATES * found.walk_s
        return [
            f"At {found.walk_s:.0f} s a walk, {MIN_REPLICATES} need at least BUDGET={needed_s:.0f} seconds."
        ]
    return []
