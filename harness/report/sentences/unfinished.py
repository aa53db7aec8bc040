"""What is said of runs that did not finish: why, what there is of them, and what goes on with them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Hashable, Mapping
from typing import Any, Final

import pandas as pd

from harness.report import words
from harness.settings.presets import DEFAULTS
from harness.work.records import RunStatus

# The commands whose runs can go on.
_BENCH: Final = "harness bench"
_SHARD: Final = "harness run-shard"
# The folders that the first goes on in.
_FOLDERS: Final = ("results", "reports")


def unfinished(runs: pd.DataFrame) -> tuple[str, ...]:
    """A sentence a run that did not finish, or that is being measured."""
    cut = runs[runs["status"].notna() & (runs["status"] != RunStatus.FINISHED)]
    return tuple(
        f"Run {words.plain(run['run_id'])} is being measured now: this is what it has so far."
        if run["status"] == RunStatus.RUNNING
        else _did_not_finish(run)
        for run in cut.to_dict("records")
    )


def _did_not_finish(run: Mapping[Hashable, Any]) -> str:
    run_id = words.plain(run["run_id"])
    because = words.plain(run["stopped_because"] or "it was ended from outside")
    there = run["trials_ok"] + run["trials_failed"]
    of_all = "" if pd.isna(run["trials_planned"]) else f" of at most {words.count(run['trials_planned'])}"
    can = str(run["command"]).startswith((_BENCH, _SHARD))
    goes_on = f"; `{going_on(run)}` goes on" if can else ""
    return f"Run {run_id} did not finish ({because}): {words.count(there)}{of_all} trials are there{goes_on}."


def going_on(run: Mapping[Hashable, Any]) -> str:
    """The command that goes on with a run, by its row: in its folders and, of a shard, to where it is put."""
    if str(run["command"]).startswith(_SHARD):
        return words.plain(run["command"])
    options = "".join(
        f" --{name} {shlex.quote(folder)}"
        for name, folder in _folders(run).items()
        if folder != DEFAULTS[name]
    )
    return f"{_BENCH} --resume {words.plain(run['run_id'])}{options}"


def _folders(run: Mapping[Hashable, Any]) -> dict[str, str]:
    """The run's folders as they were named when it began, as far as that can be read."""
    try:
        named = dict(json.loads(run["config_json"]))
    except (ValueError, TypeError, RecursionError):
        return {}
    return {name: words.plain(str(named[name])) for name in _FOLDERS if name in named}
