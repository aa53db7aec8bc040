"""What is said of runs that did not finish: why, what there is of them, and what goes on with them."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Final

import pandas as pd

from harness.report import words
from harness.settings.presets import DEFAULTS
from harness.work.records import RunStatus

# The command that goes on with a run, and those whose runs can go on.
_BENCH: Final = "harness bench"
_CAN_GO_ON: Final = (_BENCH, "harness run-shard")


def unfinished(runs: pd.DataFrame) -> tuple[str, ...]:
    """A sentence a run that did not finish, or that is being measured."""
    cut = runs[runs["status"].notna() & (runs["status"] != RunStatus.FINISHED)]
    return tuple(
        f"Run {words.plain(run['run_id'])} is being measured now: this is what it has so far."
        if run["status"] == RunStatus.RUNNING
        else _did_not_finish(run)
        for _, run in cut.iterrows()
    )


def _did_not_finish(run: pd.Series) -> str:
    run_id = words.plain(run["run_id"])
    because = words.plain(run["stopped_because"] or "it was ended from outside")
    there = run["trials_ok"] + run["trials_failed"]
    of_all = "" if pd.isna(run["trials_planned"]) else f" of at most {words.count(run['trials_planned'])}"
    is_bench = str(run["command"]).startswith(_CAN_GO_ON)
    goes_on = f"; `{resuming(run_id, _folder(run))}` goes on" if is_bench else ""
    return f"Run {run_id} did not finish ({because}): {words.count(there)}{of_all} trials are there{goes_on}."


def _folder(run: pd.Series) -> Path | None:
    """The results folder as it was named when the run began."""
    try:
        named = json.loads(run["config_json"])["results"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return Path(words.plain(str(named)))


def resuming(run_id: str, results: Path | None = None) -> str:
    """The command that goes on with a run, of the usual results folder where none is given."""
    folder = "" if results in {None, Path(DEFAULTS["results"])} else f" --results {shlex.quote(str(results))}"
    return f"{_BENCH} --resume {run_id}{folder}"
