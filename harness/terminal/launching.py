"""What is shown of a plan that is measured elsewhere: a line a change, and how all stand at the end."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import Final

from rich.markup import escape

from harness.sessions.launching import Charge, Launched, State
from harness.terminal.answers import show_brought
from harness.terminal.console import following

# How far all are is told so often where nothing else is to be told.
_EVERY_S: Final = 60.0


class LaunchDisplay:
    """A line for each shard that came to stand otherwise, and how far all are; a `LaunchObserver`."""

    def __init__(self) -> None:
        self._console = following()
        self._shown: dict[int, tuple[State, str | None]] = {}
        self._matches = 0
        self._said_at_s = 0.0

    def looked(self, charges: Sequence[Charge]) -> None:
        changed = [one for one in charges if self._shown.get(one.number) != (one.state, one.host)]
        for charge in changed:
            self._shown[charge.number] = charge.state, charge.host
            self._say(f"{_named(charge)}: {_stands(charge)}")
        matches, now_s = _on_disk(charges), time.monotonic()
        if changed or (matches != self._matches and now_s - self._said_at_s > _EVERY_S):
            self._matches, self._said_at_s = matches, now_s
            self._say(_all_in_short(charges))

    def happened(self, charge: Charge, what: str) -> None:
        self._say(f"{_named(charge)}: {what}")

    def _say(self, text: str) -> None:
        self._console.print(escape(text), soft_wrap=True)


def show_launched(launched: Launched) -> None:
    """What was brought in, and why what is missing is."""
    show_brought(launched.brought)
    for charge in launched.unfinished:
        following().print(escape(f"{_named(charge)}: not finished, {charge.says}"), soft_wrap=True)


def show_interrupted(command: str) -> None:
    """What goes on with a plan whose driver was told to end; what was measured is on the shared folder."""
    following().print(escape(f"interrupted; go on with: {command}"), soft_wrap=True)


def _named(charge: Charge) -> str:
    return f"shard {charge.number} of {charge.planned.shard.of}"


def _stands(charge: Charge) -> str:
    where = f" on {charge.host}" if charge.host else ""
    return f"{charge.state}{where}"


def _all_in_short(charges: Sequence[Charge]) -> str:
    states = Counter(charge.state for charge in charges)
    told = ", ".join(f"{states[state]} {state}" for state in State if states[state])
    planned = sum(charge.planned.matches for charge in charges)
    return f"{told}; {_on_disk(charges)} of {planned} matches on disk"


def _on_disk(charges: Sequence[Charge]) -> int:
    """Matches of all shards; one that failed and was made up for is counted once."""
    return sum(min(charge.matches, charge.planned.matches) for charge in charges)
