"""Options, environment, `harness.toml` and presets become one frozen `Settings`.

Precedence, strongest first: command line, environment (`HARNESS_BATCH_SIZE`), `harness.toml` in the
working folder, the preset, the defaults below. Nothing here has an effect; it only reads and checks.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeVar

from harness.errors import BadOption
from harness.work.workload import FULL_TRAIN_SAMPLES, MOST_EPOCHS, TEST_SAMPLES, Dataset, Mode, Precision

ENVIRONMENT_PREFIX: Final = "HARNESS_"
FILE_NAME: Final = "harness.toml"

Choice = TypeVar("Choice", bound=StrEnum)

_DEVICE: Final = re.compile(r"auto|cpu|cuda(:\d+)?|(GPU|MIG)-[0-9A-Za-z/-]+")


class Preset(StrEnum):
    """How much to measure: a minute, a few minutes, an hour or more."""

    SMOKE = "smoke"
    DEFAULT = "default"
    THOROUGH = "thorough"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything a run can be asked, checked. Lists span the grid of cases."""

    preset: Preset
    device: tuple[str, ...]
    batch_size: tuple[int, ...]
    epochs: tuple[int, ...]
    mode: tuple[Mode, ...]
    precision: tuple[Precision, ...]
    dataset: Dataset
    seed: int
    train_samples: int
    eval_batch_size: int
    threads: int
    replicates: int
    budget_s: float
    within: float
    round_s: float
    timeout_s: float
    tries: int
    try_s: float
    planted: tuple[float, ...]
    allow_mismatch: bool
    data_dir: Path | None
    results: Path
    reports: Path
    fail_if_slower: float | None


_DEFAULTS: Final[dict[str, str]] = {
    "device": "cpu",
    "batch_size": "64,512",
    "epochs": "5",
    "mode": "loop",
    "precision": "fp32",
    "dataset": "mnist",
    "seed": "0",
    "train_samples": str(FULL_TRAIN_SAMPLES),
    "eval_batch_size": "1000",
    "threads": "auto",
    "replicates": "20",
    "budget_s": "240",
    "within": "2%",
    "round_s": "0.2",
    "timeout_s": "600",
    "tries": "10",
    "try_s": "20",
    "planted": "0%,1%,3%,5%",
    "allow_mismatch": "no",
    "data_dir": "",
    "results": "results",
    "reports": "reports",
    "fail_if_slower": "",
}

# What a calibration takes where it is not told otherwise: one case, and as few pairs a try as can be judged.
CALIBRATION_DEFAULTS: Final = {"batch_size": "64", "replicates": "5"}

# What an explanation takes where it is not told otherwise: so much of the data that a walk takes minutes.
EXPLANATION_DEFAULTS: Final = {"mode": "article", "epochs": "1", "train_samples": "12000", "budget_s": "600"}

_PRESETS: Final[dict[Preset, dict[str, str]]] = {
    Preset.SMOKE: {"batch_size": "64", "epochs": "1", "train_samples": "6000", "replicates": "1"},
    Preset.DEFAULT: {},
    Preset.THOROUGH: {
        "batch_size": "32,64,128,256,512,1024,4096",
        "mode": "loop,eager,compiled,idiomatic",
        "replicates": "100",
        "budget_s": "7200",
        "within": "1%",
    },
}


def resolve(
    given: Mapping[str, str | None],
    environment: Mapping[str, str],
    folder: Path,
    defaults: Mapping[str, str] | None = None,
) -> Settings:
    """Settings from the command line's options (None where not given), the environment and `folder`'s file.

    `defaults` replace the general ones for a command that has its own.

    Raises:
        BadOption: naming the option, its value and what is allowed.
    """
    layers: list[Mapping[str, str]] = [
        {name: value for name, value in given.items() if value is not None},
        _from_environment(environment),
        _from_file(folder / FILE_NAME),
    ]
    preset = _preset("PRESET", next((layer["preset"] for layer in layers if "preset" in layer), "default"))
    merged = {**_DEFAULTS, **(defaults or {}), **_PRESETS[preset]}
    for layer in reversed(layers):
        merged.update(layer)
    merged["preset"] = preset
    _require_nothing_for_the_listings(layers, merged["mode"])
    return Settings(**{name: parse(_LABELS[name], merged[name]) for name, parse in _PARSERS.items()})


def _require_nothing_for_the_listings(layers: Sequence[Mapping[str, str]], modes: str) -> None:
    """The listings of mode `article` have batch sizes and a number format of their own.

    Raises:
        BadOption: one was given, and no other mode to take it.
    """
    if _words(modes) != [Mode.ARTICLE]:
        return
    for name in ("batch_size", "eval_batch_size", "precision"):
        for layer in layers:
            if name in layer:
                label = _LABELS[name]
                raise BadOption(
                    label, layer[name], f"no {label} in mode article: its listings have their own"
                )


def _from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    names = {ENVIRONMENT_PREFIX + name.upper(): name for name in _PARSERS}
    return {names[key]: value for key, value in environment.items() if key in names and value}


def _from_file(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadOption(FILE_NAME, path, f"valid TOML ({error})") from error
    unknown = sorted(set(table) - set(_PARSERS))
    if unknown:
        raise BadOption(FILE_NAME, ", ".join(unknown), f"the keys {', '.join(_PARSERS)}")
    return {name: _as_text(value) for name, value in table.items()}


def _as_text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _words(text: str) -> list[str]:
    """Split at commas and spaces, each word once, in order."""
    return list(dict.fromkeys(text.replace(",", " ").split()))


def _whole(option: str, text: str, *, least: int, most: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if not least <= value <= most:
        raise BadOption(option, text, f"a whole number from {least} to {most}")
    return value


def _whole_list(option: str, text: str, *, most: int) -> tuple[int, ...]:
    allowed = f"whole numbers from 1 to {most}, separated by commas or spaces"
    try:
        values = tuple(_whole(option, word, least=1, most=most) for word in _words(text))
    except BadOption:
        raise BadOption(option, text, allowed) from None
    if not values:
        raise BadOption(option, text, allowed)
    return values


def _choices(option: str, text: str, kind: type[Choice]) -> tuple[Choice, ...]:
    try:
        values = tuple(kind(word) for word in _words(text))
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
    values = _choices(option, text, kind)
    if len(values) != 1:
        raise BadOption(option, text, "one of " + ", ".join(kind))
    return values[0]


def _preset(option: str, text: str) -> Preset:
    return choice(option, text, Preset)


def _devices(option: str, text: str) -> tuple[str, ...]:
    words = tuple(_words(text))
    if not words or not all(_DEVICE.fullmatch(word) for word in words):
        raise BadOption(option, text, "auto, cpu, cuda, cuda:N or GPU-UUID, separated by commas or spaces")
    return words


def _threads(option: str, text: str) -> int:
    # Imported here: psutil would slow every `--help`.
    from harness.measure import host  # noqa: PLC0415

    cores = host.usable_cores()
    if text == "auto":
        # One core is left to the system: a framework whose every core is claimed waits at each barrier
        # for the one that something else borrowed.
        return max(1, cores - 1)
    try:
        return _whole(option, text, least=1, most=cores)
    except BadOption:
        raise BadOption(option, text, f"auto or a whole number from 1 to the {cores} usable cores") from None


def _seconds(option: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise BadOption(option, text, "a number of seconds above 0")
    return value


def _percent(text: str) -> float:
    """A share from "2%" or from "0.02"; NaN where it is neither."""
    try:
        return float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        return math.nan


def _share(option: str, text: str) -> float:
    value = _percent(text)
    if not 0 < value < 1:
        raise BadOption(option, text, "a percentage such as 2%, above 0% and below 100%")
    return value


def _planted(option: str, text: str) -> tuple[float, ...]:
    values = tuple(_percent(word) for word in _words(text))
    if not values or not all(0 <= value < 1 for value in values):
        raise BadOption(option, text, "percentages from 0% to below 100%, such as 0%,5%")
    return values


def _yes_no(option: str, text: str) -> bool:
    if text.lower() not in {"yes", "no", "true", "false"}:
        raise BadOption(option, text, "yes or no")
    return text.lower() in {"yes", "true"}


def _folder(option: str, text: str) -> Path:
    if not text:
        raise BadOption(option, text, "the path of a folder")
    return Path(text)


_PARSERS: Final[dict[str, Callable[[str, str], Any]]] = {
    "preset": _preset,
    "device": _devices,
    "batch_size": lambda option, text: _whole_list(option, text, most=FULL_TRAIN_SAMPLES),
    "epochs": lambda option, text: _whole_list(option, text, most=MOST_EPOCHS),
    "mode": lambda option, text: _choices(option, text, Mode),
    "precision": lambda option, text: _choices(option, text, Precision),
    "dataset": lambda option, text: choice(option, text, Dataset),
    "seed": lambda option, text: _whole(option, text, least=0, most=2**32 - 1),
    "train_samples": lambda option, text: _whole(option, text, least=1, most=FULL_TRAIN_SAMPLES),
    "eval_batch_size": lambda option, text: _whole(option, text, least=1, most=TEST_SAMPLES),
    "threads": _threads,
    "replicates": lambda option, text: _whole(option, text, least=1, most=10_000),
    "budget_s": _seconds,
    "within": _share,
    "round_s": _seconds,
    "timeout_s": _seconds,
    "tries": lambda option, text: _whole(option, text, least=1, most=10_000),
    "try_s": _seconds,
    "planted": _planted,
    "allow_mismatch": _yes_no,
    "data_dir": lambda _, text: Path(text) if text else None,
    "results": _folder,
    "reports": _folder,
    "fail_if_slower": lambda option, text: _share(option, text) if text else None,
}

# The name under which the user knows an option: the Makefile's variable.
_LABELS: Final[dict[str, str]] = {name: name.upper() for name in _PARSERS} | {
    "batch_size": "BATCH",
    "budget_s": "BUDGET",
    "round_s": "ROUND",
    "timeout_s": "TIMEOUT",
    "try_s": "TRY",
    "eval_batch_size": "EVAL_BATCH",
}

assert set(_PARSERS) == {field.name for field in fields(Settings)}
