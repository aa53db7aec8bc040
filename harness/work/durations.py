"""How long something takes, in words."""

from __future__ import annotations

from typing import Final

# Each unit's seconds, and how many of it are told before those of the next are.
_UNITS: Final = (("s", 1, 60), ("min", 60, 100), ("h", 3600, 100))
_DAY_S: Final = 86_400


def duration(seconds: float) -> str:
    """In the unit that keeps it short, to three digits and whole seconds: `45 s`, `4.33 min`, `18 h`."""
    rounded = round(seconds) if seconds < _UNITS[0][2] else seconds
    for unit, unit_s, many in _UNITS:
        if rounded < unit_s * many:
            return f"{rounded / unit_s:.3g} {unit}"
    return f"{rounded / _DAY_S:.3g} days"
