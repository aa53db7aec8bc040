"""A run's row: opened before anything is measured, and closed however that went."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from harness.engine.ending import Outcome
from harness.errors import NotStored
from harness.measure import host, provenance
from harness.settings.config import Settings
from harness.settings.sharding import Shard
from harness.store.writer import Store
from harness.work.records import RunStatus
from harness.work.workload import Dataset


def opening_row(
    settings: Settings, command: str, *, trials_planned: int | None, shard: Shard | None = None
) -> dict[str, Any]:
    """A run's row as it is written before anything is measured; of a shard its name is known before."""
    now = datetime.now(UTC)
    return {
        **provenance.columns(threads=settings.threads, passed=settings.pass_env),
        "run_id": shard.run_id if shard else new_id(),
        "plan_id": shard.plan_id if shard else None,
        "shard": shard.number if shard else None,
        "shards": shard.of if shard else None,
        "status": RunStatus.RUNNING,
        "started_at": now,
        "command": command,
        "preset": settings.preset.value,
        "synthetic": settings.dataset is Dataset.SYNTHETIC,
        "trials_planned": trials_planned,
        "threads": settings.threads,
        "config_json": json.dumps(asdict(settings), default=str, sort_keys=True),
    }


def new_id() -> str:
    """The name of a run, or of a plan for several hosts; those of earlier ones sort before it."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"


def resumed_row(run: Mapping[str, Any]) -> dict[str, Any]:
    """The row of a run that goes on, as it was opened; when it went on is told beside."""
    ended = ("finished_at", "wall_s", "timed_s", "trials_ok", "trials_failed", "stopped_because")
    resumed_at = [*(run["resumed_at"] or []), datetime.now(UTC)]
    return {**run, **dict.fromkeys(ended), "status": RunStatus.RUNNING, "resumed_at": resumed_at}


def closing_columns(outcome: Outcome, wall_s: float) -> dict[str, Any]:
    """What a run's row says more when it has ended."""
    return {
        "status": outcome.status,
        "finished_at": datetime.now(UTC),
        "wall_s": wall_s,
        "timed_s": outcome.timed_s,
        "trials_ok": outcome.trials_ok,
        "trials_failed": outcome.trials_failed,
        "stopped_because": outcome.stopped_because,
        "load_1min_end": host.load_1min(),
    }


def close(
    store: Store, run: Mapping[str, Any], outcome: Outcome, began_s: float, *, earlier_s: float = 0.0
) -> Outcome:
    """Gather a run's files and store how it ended; a disk without room for either is how it ended, too.

    `began_s` is when this sitting did, on the monotonic clock, and `earlier_s` what earlier ones took. A run
    says that it has finished when its files are those of one that has.
    """
    try:
        store.gather(str(run["run_id"]))
    except NotStored as error:
        outcome = _lacked_room(outcome, error)
    try:
        store.save_run({**run, **closing_columns(outcome, time.monotonic() - began_s + earlier_s)})
    except NotStored as error:
        outcome = _lacked_room(outcome, error)
    return outcome


def _lacked_room(outcome: Outcome, error: NotStored) -> Outcome:
    """How a run ended whose last words could not be stored; one that had failed before says why it did."""
    because = outcome.stopped_because if outcome.status is RunStatus.FAILED else str(error)
    return replace(outcome, status=RunStatus.FAILED, stopped_because=because)
