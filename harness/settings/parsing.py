"""What was typed becomes values: each parser names the option, its text and what is allowed."""

from __future__ import annotations

import math
import re
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeVar

from harness.errors import BadOption
from harness.frameworks import registry
from harness.measure.variables import is_ours, may_be_secret
from harness.settings.addresses import is_address, shown
from harness.work.workload import HIDDEN_ALLOWED, MOST_LAYERS, MOST_UNITS

Choice = TypeVar("Choice", bound=StrEnum)

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Frameworks that a run compares, at least.
_FEWEST: Final = 2

_DEVICE: Final = re.compile(r"auto|cpu|cuda(:\d+)?|(GPU|MIG)-[0-9A-Za-z/-]+")


def words(text: str) -> list[str]:
    """Split at commas and spaces, each word once, in order."""
    return list(dict.fromkeys(text.replace(",", " ").split()))


def whole(option: str, text: str, *, least: int, most: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if not least <= value <= most:
        raise BadOption(option, text, f"a whole number from {least} to {most}")
    return value


def whole_list(option: str, text: str, *, most: int) -> tuple[int, ...]:
    allowed = f"whole numbers from 1 to {most}, separated by commas or spaces"
    try:
        values = tuple(whole(option, word, least=1, most=most) for word in words(text))
    except BadOption:
        raise BadOption(option, text, allowed) from None
    if not values:
        raise BadOption(option, text, allowed)
    return values


def shapes(option: str, text: str) -> tuple[tuple[int, ...], ...]:
    """Hidden layers of one network or several, such as 128 and 512x512."""
    allowed = f"{HIDDEN_ALLOWED}; several separated by commas or spaces"
    found = [word.split("x") for word in words(text)]
    try:
        values = tuple(
            tuple(whole(option, units, least=1, most=MOST_UNITS) for units in word) for word in found
        )
    except BadOption:
        raise BadOption(option, text, allowed) from None
    if not values or max(map(len, values)) > MOST_LAYERS:
        raise BadOption(option, text, allowed)
    return tuple(dict.fromkeys(values))


def choices(option: str, text: str, kind: type[Choice]) -> tuple[Choice, ...]:
    try:
        values = tuple(kind(word) for word in words(text))
    except ValueError:
        values = ()
    if not values:
        raise BadOption(option, text, ", ".join(kind))
    return values


def choice(option: str, text: str, kind: type[Choice]) -> Choice:
    """The one value of `kind` that the text names.

    Raises:
        BadOption: another text, or several values.
    """
    values = choices(option, text, kind)
    if len(values) != 1:
        raise BadOption(option, text, "one of " + ", ".join(kind))
    return values[0]


def frameworks(option: str, text: str) -> tuple[str, ...]:
    """The frameworks that a run compares, two or more: the speed of one is over that of those named later.

    Raises:
        BadOption: fewer than two, or a name that none has.
        FrameworkMissing: an optional one that is not installed here, and what `registry.records` raises.
    """
    values, known = words(text), registry.names()
    absent = [one.name for one in registry.records(absent=True) if one.name not in known]
    registry.require_installed([name for name in values if name in absent])
    if not set(values) <= set(known) or len(values) < _FEWEST:
        or_more = ", or more of them" if len(known) > _FEWEST else ""
        raise BadOption(option, text, f"two of {', '.join(known)}{or_more}")
    return tuple(values)


def devices(option: str, text: str) -> tuple[str, ...]:
    values = tuple(words(text))
    if not values or not all(_DEVICE.fullmatch(value) for value in values):
        raise BadOption(option, text, "auto, cpu, cuda, cuda:N or GPU-UUID, separated by commas or spaces")
    return values


def threads(option: str, text: str) -> int:
    # Imported here: psutil would slow every `--help`.
    from harness.measure import host  # noqa: PLC0415

    cores = host.usable_cores()
    if text == "auto":
        return threads_for(1)
    try:
        return whole(option, text, least=1, most=cores)
    except BadOption:
        raise BadOption(option, text, f"auto or a whole number from 1 to the {cores} usable cores") from None


def threads_for(workers: int) -> int:
    """The threads that each worker of a contender gets where nothing else is asked.

    One core is left to the system: a framework whose every core is claimed waits at each barrier for the one
    that something else borrowed. The others are shared out.
    """
    # Imported here: psutil would slow every `--help`.
    from harness.measure import host  # noqa: PLC0415

    return max(1, (host.usable_cores() - 1) // workers)


def seconds(option: str, text: str, *, least: float = 0.0) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not (0 < value < float("inf") and value >= least):
        raise BadOption(
            option, text, f"{least:g} seconds or more" if least else "a number of seconds above 0"
        )
    return value


def percent(text: str) -> float:
    """A share from "2%" or from "0.02"; NaN where it is neither."""
    try:
        return float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        return math.nan


def share(option: str, text: str) -> float:
    value = percent(text)
    if not 0 < value < 1:
        raise BadOption(option, text, "a percentage such as 2%, above 0% and below 100%")
    return value


def planted(option: str, text: str) -> tuple[float, ...]:
    values = dict.fromkeys(percent(word) for word in words(text))
    if not values or not all(0 <= value < 1 for value in values):
        raise BadOption(option, text, "percentages from 0% to below 100%, such as 0%,5%")
    return tuple(values)


def variables(option: str, text: str) -> tuple[str, ...]:
    """Names of the shell's variables that a worker may have.

    Raises:
        BadOption: what is no name, one that the harness sets itself, or one that may hold a secret.
    """
    names = tuple(words(text))
    for name in names:
        if not _VARIABLE.fullmatch(name):
            # A value that was typed may be secret.
            shown = name.partition("=")[0] + "=..." if "=" in name else name
            raise BadOption(option, shown, "names of variables, without values, such as TF_XLA_FLAGS")
        if is_ours(name):
            raise BadOption(option, name, "a variable that the harness does not set itself in every worker")
        if may_be_secret(name):
            raise BadOption(option, name, "a name that holds no secret: its value is recorded with the run")
    return names


def yes_no(option: str, text: str) -> bool:
    if text.lower() not in {"yes", "no", "true", "false"}:
        raise BadOption(option, text, "yes or no")
    return text.lower() in {"yes", "true"}


def folder(option: str, text: str) -> Path:
    if not text:
        raise BadOption(option, text, "the path of a folder")
    return path(option, text)


def path(option: str, text: str) -> Path:
    """A path, with `~` and `~user` put in full: a file and a quoted variable reach here without a shell.

    Raises:
        BadOption: none, bytes that are no UTF-8, which parquet, JSON and pages cannot hold, no such home, or
            what is meant as an address.
    """
    if not text:
        raise BadOption(option, text, "a path")
    readable = text.encode("utf-8", errors="surrogateescape").decode("utf-8", errors="replace")
    if readable != text or "\0" in text:
        raise BadOption(option, readable.replace("\0", "\\0"), "a path that is text in UTF-8")
    if is_address(text):
        elsewhere = "`harness import` and `run-shard --publish` take addresses"
        raise BadOption(option, shown(text), f"a path on this host; {elsewhere}")
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise BadOption(option, text, "a path; there is no such home folder") from None
