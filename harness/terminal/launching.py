"""What is shown of a plan that is measured elsewhere: a line a change, and how all stand at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.markup import escape

from harness.sessions.launching import Charge, Launched, State
from harness.terminal.answers import show_brought
from harness.terminal.console import following


class LaunchDisplay:
    """A line for each shard that came to stand otherwise, with how far all are; a `LaunchObserver`."""

    def __init__(self) -> None:
        self._console = following()
        self._shown: dict[int, tuple[State, str | None]] = {}

    def looked(self, charges: Sequence[Charge]) -> None:
        changed = [one for one in charges if self._shown.get(one.number) != (one.state, one.host)]
        for charge in changed:
            self._shown[charge.number] = charge.state, charge.host
            self._say(f"{_named(charge)}: {_stands(charge)}")
        if changed:
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


def _named(charge: Charge) -> str:
    return f"shard {charge.number} of {charge.planned.shard.of}"


def _stands(charge: Charge) -> str:
    where = f" on {charge.host}" if charge.host else ""
    return f"{charge.state}{where}"


def _all_in_short(charges: Sequence[Charge]) -> str:
    states = Counter(charge.state for charge in charges)
    told = ", ".join(f"{states[state]} {state}" for state in State if states[state])
    matches = sum(charge.matches for charge in charges)
    return f"{told}; {matches} of {sum(charge.planned.matches for charge in charges)} matches on disk"
