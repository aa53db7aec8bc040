"""Options, environment, `harness.toml` and presets become one frozen `Settings`.

Precedence, strongest first: command line, environment (`HARNESS_BATCH_SIZE`), `harness.toml` in the
working folder, the preset, the defaults (`presets.py`). Nothing here has an effect; it only reads and checks.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from harness.errors import BadOption
from harness.settings import parsing
from harness.settings.presets import BEST_DEFAULTS, DEFAULTS, PRESETS, Preset
from harness.work.workload import (
    FULL_TRAIN_SAMPLES,
    MOST_EPOCHS,
    MOST_WORKERS,
    TEST_SAMPLES,
    Dataset,
    Mode,
    Precision,
    shape,
)

ENVIRONMENT_PREFIX: Final = "HARNESS_"
FILE_NAME: Final = "harness.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything a run can be asked, checked. Lists span the grid of cases."""

    preset: Preset
    frameworks: tuple[str, ...]
    device: tuple[str, ...]
    batch_size: tuple[int, ...]
    hidden: tuple[tuple[int, ...], ...]
    workers: tuple[int, ...]
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
    at_best: bool
    share_cores: bool
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
    pass_env: tuple[str, ...]


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
    mode = next((layer["mode"] for layer in layers if "mode" in layer), "")
    best = BEST_DEFAULTS if parsing.words(mode) == [Mode.BEST] else {}
    merged = {**DEFAULTS, **best, **(defaults or {}), **PRESETS[preset]}
    for layer in reversed(layers):
        merged.update(layer)
    merged["preset"] = preset
    _require_nothing_for_the_listings(layers, merged["mode"])
    if merged["threads"] == "auto":
        workers = _PARSERS["workers"](LABELS["workers"], merged["workers"])
        merged["threads"] = str(parsing.threads_for(max(workers)))
    return Settings(**{name: parse(LABELS[name], merged[name]) for name, parse in _PARSERS.items()})


def restored(kept: Mapping[str, Any]) -> Settings:
    """Settings as a run has stored them.

    Raises:
        BadOption: one that is not allowed here, such as more threads than there are cores.
        ValueError: other settings than this version has.
    """
    if not isinstance(kept, dict) or set(kept) != set(_PARSERS):
        kept = kept if isinstance(kept, dict) else {}
        names = ", ".join(sorted(set(kept) ^ set(_PARSERS)))
        raise ValueError(f"other settings than this version has: {names}")
    return Settings(**{name: parse(LABELS[name], _as_text(kept[name])) for name, parse in _PARSERS.items()})


def _require_nothing_for_the_listings(layers: Sequence[Mapping[str, str]], modes: str) -> None:
    """The listings of mode `article` have batch sizes, a layer and a number format of their own.

    Raises:
        BadOption: one was given, and no other mode to take it.
    """
    if parsing.words(modes) != [Mode.ARTICLE]:
        return
    for name in ("batch_size", "eval_batch_size", "hidden", "precision"):
        for layer in layers:
            if name in layer:
                label = LABELS[name]
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
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadOption(FILE_NAME, path, f"valid TOML ({error})") from error
    unknown = sorted(set(table) - set(_PARSERS))
    if unknown:
        raise BadOption(FILE_NAME, ", ".join(unknown), f"the keys {', '.join(_PARSERS)}")
    return {name: _as_text(value) for name, value in table.items()}


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, list):
        return str(value)
    # A shape that was stored is a list within a list.
    return ",".join(shape(tuple(one)) if isinstance(one, list) else str(one) for one in value)


def _preset(option: str, text: str) -> Preset:
    return parsing.choice(option, text, Preset)


_PARSERS: Final[dict[str, Callable[[str, str], Any]]] = {
    "preset": _preset,
    "frameworks": parsing.frameworks,
    "device": parsing.devices,
    "batch_size": lambda option, text: parsing.whole_list(option, text, most=FULL_TRAIN_SAMPLES),
    "hidden": parsing.shapes,
    "workers": lambda option, text: parsing.whole_list(option, text, most=MOST_WORKERS),
    "epochs": lambda option, text: parsing.whole_list(option, text, most=MOST_EPOCHS),
    "mode": lambda option, text: parsing.choices(option, text, Mode),
    "precision": lambda option, text: parsing.choices(option, text, Precision),
    "dataset": lambda option, text: parsing.choice(option, text, Dataset),
    "seed": lambda option, text: parsing.whole(option, text, least=0, most=2**32 - 1),
    "train_samples": lambda option, text: parsing.whole(option, text, least=1, most=FULL_TRAIN_SAMPLES),
    "eval_batch_size": lambda option, text: parsing.whole(option, text, least=1, most=TEST_SAMPLES),
    "threads": parsing.threads,
    "replicates": lambda option, text: parsing.whole(option, text, least=1, most=10_000),
    "budget_s": parsing.seconds,
    "within": parsing.share,
    "at_best": parsing.yes_no,
    "share_cores": parsing.yes_no,
    "round_s": parsing.seconds,
    "timeout_s": parsing.seconds,
    "tries": lambda option, text: parsing.whole(option, text, least=1, most=10_000),
    "try_s": parsing.seconds,
    "planted": parsing.planted,
    "allow_mismatch": parsing.yes_no,
    "data_dir": lambda option, text: parsing.path(option, text) if text else None,
    "results": parsing.folder,
    "reports": parsing.folder,
    "fail_if_slower": lambda option, text: parsing.share(option, text) if text else None,
    "pass_env": parsing.variables,
}

# The name under which the user knows an option: the Makefile's variable.
LABELS: Final[dict[str, str]] = {name: name.upper() for name in _PARSERS} | {
    "batch_size": "BATCH",
    "budget_s": "BUDGET",
    "round_s": "ROUND",
    "timeout_s": "TIMEOUT",
    "try_s": "TRY",
    "eval_batch_size": "EVAL_BATCH",
}

assert set(_PARSERS) == {field.name for field in fields(Settings)}
