"""A run that was not finished goes on: found, and refused where its rest would be measured otherwise."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq

from harness.analysis.comparable import differing
from harness.errors import NotResumable, ResultsUnusable
from harness.measure import provenance
from harness.settings.config import Settings, restored
from harness.settings.grid import Plan
from harness.settings.matches import Match
from harness.settings.sharding import Shard
from harness.store.columns import plan_rows
from harness.store.earlier import Measured
from harness.store.holding import is_held
from harness.store.parts import UNREADABLE
from harness.store.reader import the_one
from harness.store.schema import SCHEMA_VERSION
from harness.store.tables import read_tables
from harness.work.records import TOO_LARGE, RunStatus

# What a machine may have more or less of after it was started again; and a page that the run has drawn, or a
# note beside it, makes a checkout dirty.
_MAY_DIFFER: Final = {"memory_bytes", "git_dirty"}

# More differences than these are counted only.
_MOST_NAMED: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """A run of a results folder as it was left: its row, its settings, and what it has measured."""

    run: dict[str, Any]
    settings: Settings
    measured: Measured

    @property
    def run_id(self) -> str:
        return str(self.run["run_id"])

    @property
    def wall_s(self) -> float:
        """What earlier sittings took; of one that was killed, what its matches did."""
        return float(self.run["wall_s"] or self.measured.spent_s)

    @property
    def shard(self) -> Shard | None:
        """The part of a plan that it measures, if it is one."""
        if self.run["plan_id"] is None:
            return None
        return Shard(plan_id=self.run["plan_id"], number=self.run["shard"], of=self.run["shards"])

    @property
    def is_finished(self) -> bool:
        return bool(self.run["status"] == RunStatus.FINISHED)


def find(name: str, asked: Settings) -> Unfinished:
    """The run that `name` means (`store.naming.locate`), with its own settings but for folders, as `asked`.

    Raises:
        NotResumable: an unfinished run of another machine or version, naming what differs.
        ResultsUnusable: a run that is not there, or that another process is measuring.
        BadOption: settings that are not allowed here.
    """
    folder, run_id = the_one(asked.results, name)
    if is_held(folder, run_id):
        raise ResultsUnusable(f"run {run_id}: another process is measuring it")
    found = read_tables(folder, run_id)["runs"].to_pylist()
    if len(found) != 1:
        raise NotResumable(f"run {run_id}: cannot go on: its file has {len(found)} rows, where a run has one")
    (run,) = found
    try:
        settings = restored(json.loads(run["config_json"] or "{}"))
    except (ValueError, RecursionError) as error:
        raise NotResumable(f"run {run_id}: cannot go on: {error}") from error
    settings = replace(
        settings,
        results=folder,
        reports=asked.reports,
        data_dir=asked.data_dir or settings.data_dir,
    )
    unfinished = Unfinished(run=run, settings=settings, measured=Measured(folder, run_id))
    if not unfinished.is_finished:
        _refuse(run_id, list(_elsewhere(run, settings)))
    return unfinished


def as_begun(unfinished: Unfinished, planned: Plan) -> Plan:
    """The plan without the cases that did not fit when the run began, whatever fits by now."""
    trials = read_tables(unfinished.settings.results, unfinished.run_id)["trials"].to_pandas()
    left_out = trials[trials["failure_kind"].eq(TOO_LARGE)].drop_duplicates("case_id")
    why = dict(zip(left_out["case_id"], left_out["failure_reason"], strict=True))
    return replace(
        planned,
        cases=tuple(case for case in planned.cases if case.id not in why),
        unfit=tuple((case, why[case.id]) for case in planned.cases if case.id in why),
    )


def require_untouched(unfinished: Unfinished) -> None:
    """Nobody may have gone on with the run since it was found; it is held by now.

    Raises:
        ResultsUnusable: somebody has.
    """
    rows = read_tables(unfinished.settings.results, unfinished.run_id)["runs"].to_pylist()
    if rows != [unfinished.run]:
        raise ResultsUnusable(f"run {unfinished.run_id}: another process has gone on with it meanwhile")


def require_same(
    unfinished: Unfinished, identities: Mapping[tuple[str, str], str], matches: Sequence[Match]
) -> None:
    """Its trials have to be stored under the certificates that are made now, and its plan has to be this one.

    Raises:
        NotResumable: naming what differs.
    """
    trials = read_tables(unfinished.settings.results, unfinished.run_id)["trials"].to_pandas()
    proven = trials.dropna(subset=["certificate_id"]).drop_duplicates(["case_id", "framework"])
    others = [
        f"the certificate of {framework} for {case_id} is another"
        for case_id, framework, then in proven[["case_id", "framework", "certificate_id"]].to_numpy()
        if identities.get((case_id, framework), then) != then
    ]
    _refuse(
        unfinished.run_id, [*others, *_other_plan(unfinished.settings.results, unfinished.run_id, matches)]
    )


def _elsewhere(run: dict[str, Any], settings: Settings) -> Iterator[str]:
    """In what machine, versions and variables are not those with which a run began."""
    now = provenance.columns(threads=settings.threads, passed=settings.pass_env)
    now |= {"schema_version": SCHEMA_VERSION, "threads": settings.threads}
    for row in differing({name: run[name] for name in now}, now).to_dict("records"):
        if row["what"] not in _MAY_DIFFER:
            yield f"{row['what']}: {row['a']} then, {row['b']} now"


def _refuse(run_id: str, found: Sequence[str]) -> None:
    if found:
        more = f"; and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
        raise NotResumable(
            f"run {run_id}: cannot go on, for its rest would be measured otherwise: "
            f"{'; '.join(found[:_MOST_NAMED])}{more}"
        )


def _other_plan(results: Path, run_id: str, matches: Sequence[Match]) -> Iterator[str]:
    """The first match in which the stored plan is not the one that is made now."""
    path = results / "plans" / f"{run_id}.parquet"
    try:
        stored = pq.ParquetFile(path).read().to_pylist()
    except UNREADABLE as error:
        yield f"its plan cannot be read ({error})"
        return
    made = plan_rows(run_id, matches)
    if len(stored) != len(made):
        yield f"plan: {len(stored)} matches then, {len(made)} now"
    for then, now in zip(stored, made, strict=False):
        if then != now:
            yield f"plan, match {now['place'] + 1}: {then['match_id']} then, {now['match_id']} now"
            return
