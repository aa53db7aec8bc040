"""How names, numbers and units are printed, the same in page and terminal."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from harness.frameworks import registry

DATASET_NAMES: Final = {"mnist": "MNIST", "fashion-mnist": "Fashion-MNIST", "synthetic": "synthetic data"}
WAY_NAMES: Final = {
    "welch": "Welch's t-test on rounds",
    "minimum": "the smaller minimum",
    "pytest-benchmark": "pytest-benchmark's min:5%",
    "pyperf": "pyperf's t-test",
}
MISSING: Final = "–"
LONGEST: Final = 600

# Frameworks of one ratio.
_PAIR: Final = 2


def plain(text: object, longest: int | None = LONGEST) -> str:
    """Text from outside, on one line, that cannot steer what shows it.

    Control and direction characters appear as their codes: raw, one right-to-left mark would turn the
    rest of a sentence round, and an escape sequence would drive the terminal.
    """
    shown = "".join(
        char if char.isprintable() else " " if char.isspace() else f"\\u{ord(char):04x}" for char in str(text)
    )
    if longest is None or len(shown) <= longest:
        return shown
    return f"{shown[:longest]}… ({count(len(shown))} characters)"


def framework(name: str) -> str:
    return plain(registry.label(name))


def over(pair: tuple[str, str]) -> str:
    """Two frameworks, of which the first one's speed is told over the second's."""
    return " over ".join(map(framework, pair))


def parted(frameworks: Sequence[str]) -> str:
    """What the ratios of these frameworks are."""
    one, other = map(framework, frameworks) if len(frameworks) == _PAIR else ("One framework", "another")
    return f"{one}'s throughput divided by {other}'s"


def speed_over(pair: tuple[str, str]) -> str:
    """What a ratio of two frameworks is."""
    one, other = pair
    return f"{framework(one)}'s speed over {framework(other)}'s"


def dataset(name: str) -> str:
    return DATASET_NAMES.get(name, plain(name))


def hidden(shape: str) -> str:
    """A network's hidden layers, as `workload.shape` writes them."""
    return plain(f"hidden layers of {shape}" if "x" in shape else f"{shape} hidden units")


def way(name: str) -> str:
    """A way of judging (`analysis.usual`), as a reader knows it."""
    return WAY_NAMES.get(name, plain(name))


def tried(case_id: str) -> str:
    """A case of a calibration, whose epochs say nothing: time ends a try."""
    return plain(re.sub(r"-e\d+", "", case_id))


def tried_apart(case_ids: Iterable[str]) -> dict[str, str]:
    """What tells the cases of a calibration from each other, by identifier; of a single one nothing."""
    parts = {case_id: tried(case_id).split("-") for case_id in case_ids}
    common = set.intersection(*map(set, parts.values())) if parts else set()
    names = {
        case_id: ", ".join(re.sub(r"^b(\d+)$", r"batch \1", part) for part in of if part not in common)
        for case_id, of in parts.items()
    }
    # One that lacks what the others have is told by its whole name, and so are they.
    return names if len(names) == 1 or all(names.values()) else {one: tried(one) for one in names}


def executed(way: str) -> str:
    """A way to execute the work (`workload.Way.id`), as a reader knows it."""
    mode, _, update = way.partition("-")
    return plain(f"{mode} with {update} Adam" if update else mode)


def device(name: str) -> str:
    return "the CPU" if name == "cpu" else plain(name)


def number(value: Any, digits: int = 3) -> str:
    """A number with `digits` significant digits and thousands apart; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return MISSING
    if value == 0:
        return "0"
    rounded = float(f"{value:.{digits - 1}e}")
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(rounded))))
    return f"{rounded:,.{decimals}f}"


def small(value: Any) -> str:
    """A number of any magnitude in few characters, as rounding errors and bounds need it."""
    return MISSING if value is None or not math.isfinite(value) else f"{value:.2g}"


def count(value: Any) -> str:
    return MISSING if value is None or not math.isfinite(value) else f"{round(value):,}"


def ratio(value: Any) -> str:
    return MISSING if value is None or not math.isfinite(value) else f"{value:.2f}"


def share(value: Any, decimals: int = 2) -> str:
    return MISSING if value is None or not math.isfinite(value) else f"{100 * value:.{decimals}f} %"


def asked_share(value: float) -> str:
    """A share that somebody asked for, as it was asked for: `5 %`, `0.4 %`."""
    return f"{100 * value:g} %"


def points(value: Any) -> str:
    """A difference of shares in percentage points, signed."""
    return MISSING if value is None or not math.isfinite(value) else f"{100 * value:+.2f}"


def mebibytes(value: Any) -> str:
    return MISSING if value is None or not math.isfinite(value) else f"{value / 2**20:,.0f} MiB"


def listed(items: Iterable[object], last: str = "and") -> str:
    """a, b and c."""
    said = [str(item) for item in items]
    if len(said) <= 1:
        return "".join(said)
    return f"{', '.join(said[:-1])} {last} {said[-1]}"


def plural(amount: int, noun: str, many: str = "") -> str:
    return f"{amount} {noun}" if amount == 1 else f"{amount} {many or f'{noun}s'}"


def try_length(try_s: float, matches: int) -> str:
    """Of a calibration's try: seconds of measuring, and in how many matches where it was in several."""
    return f"{try_s:g} s" if matches == 1 else f"{try_s:g} s in {matches} matches"


def interval(low: Any, high: Any, form: Callable[[Any], str] = ratio) -> str:
    """Both ends of an interval; a dash where there is none."""
    return MISSING if low is None or not math.isfinite(low) else f"{form(low)} to {form(high)}"
