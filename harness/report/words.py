"""How names, numbers and units are printed, the same in page and terminal."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Final

from harness.workload import PYTORCH, TENSORFLOW

FRAMEWORK_NAMES: Final = {TENSORFLOW: "TensorFlow", PYTORCH: "PyTorch"}
DATASET_NAMES: Final = {"mnist": "MNIST", "fashion-mnist": "Fashion-MNIST", "synthetic": "synthetic data"}
MISSING: Final = "–"


def framework(name: str) -> str:
    return FRAMEWORK_NAMES.get(name, name)


def dataset(name: str) -> str:
    return DATASET_NAMES.get(name, name)


def device(name: str) -> str:
    return "the CPU" if name == "cpu" else name


def number(value: Any, digits: int = 3) -> str:
    """A number with `digits` significant digits and thousands apart; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return MISSING
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    rounded = round(value, digits - 1 - math.floor(math.log10(abs(value))))
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


def points(value: Any) -> str:
    """A difference of shares in percentage points, signed."""
    return MISSING if value is None or not math.isfinite(value) else f"{100 * value:+.2f}"


def mebibytes(value: Any) -> str:
    return MISSING if value is None or not math.isfinite(value) else f"{value / 2**20:,.0f} MiB"


def listed(items: Iterable[object]) -> str:
    """a, b and c."""
    words = [str(item) for item in items]
    if len(words) <= 1:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def plural(amount: int, noun: str) -> str:
    return f"{amount} {noun}" if amount == 1 else f"{amount} {noun}s"
