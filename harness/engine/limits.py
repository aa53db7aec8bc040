"""How long a worker may take to answer: by its own pace, not by one deadline for all."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from harness.worker.protocol import Do

Pace = Mapping[str, float | None]

_PACES: Final = ("train_sample_s", "evaluate_s")

# A worker may take so many times as long as its pace says, for what surrounds a round and for a machine that
# has become busy, and in any case so long: of some rounds the program is proven once more.
_TIMES_ITS_PACE: Final = 50.0
_LEAST_S: Final = 180.0


def pace_of(reply: Mapping[str, Any]) -> dict[str, float | None]:
    """What a worker that has started says a sample of training and a pass over the test set take.

    Raises:
        KeyError: it does not say.
    """
    return {name: seconds(reply["pace"][name]) for name in _PACES}


def limit_s(do: Do, details: Mapping[str, Any], pace: Pace | None, timeout_s: float) -> float:
    """Seconds within which an answer has to come; `timeout_s` where the pace says nothing, and at most."""
    pace, said_s = pace or {}, None
    if do is Do.TRAIN and (sample_s := pace.get("train_sample_s")):
        said_s = sample_s * (details["last"] - details["first"])
    if do is Do.EVALUATE and (pass_s := pace.get("evaluate_s")):
        said_s = pass_s * details["passes"]
    return timeout_s if said_s is None else min(timeout_s, max(_LEAST_S, _TIMES_ITS_PACE * said_s))


def require_numbers(reply: Mapping[str, Any], *names: str) -> None:
    """Refuse what should be a number and is none; None is what could not be measured.

    Raises:
        TypeError: naming it.
        KeyError: it is not there.
    """
    for name in names:
        if not isinstance(reply[name], (int, float, type(None))):
            raise TypeError(f"{name} is {reply[name]!r}")


def seconds(value: Any) -> float | None:
    """A time as a worker tells it; None where it is no number above 0."""
    known = isinstance(value, (int, float)) and math.isfinite(value) and value > 0
    return float(value) if known else None
